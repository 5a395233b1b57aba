import { Type } from 'typebox';
import { forbidden, invalid, notFound, overQuota } from '../../../lib/errors.ts';
import type { AnyRoute, RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import type { PolicyTarget } from '../../../lib/policy/policy.ts';
import { imageRoute, ofImage, type ImageDeps, type LoadedImage } from '../deps.ts';
import type { ImageMember, ImageRecord, MemberStatus } from '../image-record.ts';
import { deleteMember, insertMember, members, setMemberStatus } from '../image-store.ts';
import { memberView } from './image-view.ts';

const NewMember = plainBody(
  'member',
  Type.Object({ member: Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]+$' }) }, { additionalProperties: false }),
);
const MemberChange = plainBody(
  'member',
  Type.Object({ status: Type.Enum(['pending', 'accepted', 'rejected']) }, { additionalProperties: false }),
);

const noMember = (image: ImageRecord, memberId: string) => notFound(`Member ${memberId.slice(0, 255)} not found for image ${image.id}.`);

/** The shares a caller may know: all for the owner, its own for a member. */
async function knownMembers({ database }: ImageDeps, ctx: RequestContext, image: ImageRecord): Promise<ImageMember[]> {
  const all = await members(database, image.id);
  const isOwner = image.owner === ctx.caller.projectId || ctx.can('context_is_admin');
  return isOwner ? all : all.filter(({ memberId }) => memberId === ctx.caller.projectId);
}

async function knownMember(deps: ImageDeps, ctx: RequestContext, image: ImageRecord, memberId: string): Promise<ImageMember> {
  const member = (await knownMembers(deps, ctx, image)).find((each) => each.memberId === memberId);
  if (member === undefined) throw noMember(image, memberId);
  return member;
}

async function share(deps: ImageDeps, image: ImageRecord, memberId: string): Promise<ImageMember> {
  if (image.visibility !== 'shared')
    throw forbidden(`Only shared images have members; the visibility of image ${image.id} is ${image.visibility}.`);
  if (memberId.includes('\0') || !memberId.isWellFormed()) throw invalid('The member is not the id of a project.');
  const count = (await members(deps.database, image.id)).length;
  if (count >= deps.limits.imageMemberQuota) {
    throw overQuota(
      `The limit has been exceeded on the number of allowed image members for this image. Attempted: ${count + 1}, Maximum: ${deps.limits.imageMemberQuota}`,
    );
  }
  return insertMember(deps.database, image.id, memberId, new Date(deps.clock.now()));
}

async function answerShare(deps: ImageDeps, image: ImageRecord, memberId: string, status: MemberStatus): Promise<ImageMember> {
  const member = await setMemberStatus(deps.database, image.id, memberId, status, new Date(deps.clock.now()));
  if (member === null) throw noMember(image, memberId);
  return member;
}

interface LoadedMember extends LoadedImage {
  readonly member: ImageMember;
}
/** The share a path names, whose project is `member_id` in its rules. */
const ofMember = {
  load: async ({
    params,
    ctx,
    deps,
  }: {
    readonly params: { readonly imageId: string; readonly memberId: string };
    readonly ctx: RequestContext;
    readonly deps: ImageDeps;
  }): Promise<LoadedMember> => {
    const { image, target } = await ofImage.load({ params, ctx, deps });
    const member = await knownMember(deps, ctx, image, params.memberId);
    return { image, member, target: { ...target, member_id: member.memberId } };
  },
  target: ({ target }: LoadedMember): PolicyTarget => target,
};

export const memberRoutes: readonly AnyRoute<ImageDeps>[] = [
  imageRoute({
    method: 'GET',
    path: '/v2/images/:imageId/members',
    summary: 'List the shares of an image',
    policy: 'get_members',
    ...ofImage,
    reply: { status: 200 },
    handle: async ({ loaded, ctx, deps }) => {
      if (loaded.image.visibility !== 'shared') throw forbidden('Only shared images have members.');
      return { members: (await knownMembers(deps, ctx, loaded.image)).map(memberView), schema: '/v2/schemas/members' };
    },
  }),
  imageRoute({
    method: 'POST',
    path: '/v2/images/:imageId/members',
    summary: 'Share an image',
    policy: 'add_member',
    ...ofImage,
    body: { schema: NewMember },
    reply: { status: 200 },
    handle: async ({ loaded, body, deps }) => memberView(await share(deps, loaded.image, body.member)),
  }),
  imageRoute({
    method: 'GET',
    path: '/v2/images/:imageId/members/:memberId',
    summary: 'Show a share',
    policy: 'get_member',
    ...ofMember,
    reply: { status: 200 },
    handle: ({ loaded }) => memberView(loaded.member),
  }),
  imageRoute({
    method: 'PUT',
    path: '/v2/images/:imageId/members/:memberId',
    summary: 'Accept or reject a share',
    policy: 'modify_member',
    ...ofMember,
    body: { schema: MemberChange },
    reply: { status: 200 },
    handle: async ({ loaded, body, deps }) => memberView(await answerShare(deps, loaded.image, loaded.member.memberId, body.status)),
  }),
  imageRoute({
    method: 'DELETE',
    path: '/v2/images/:imageId/members/:memberId',
    summary: 'Take a share back',
    policy: 'delete_member',
    ...ofMember,
    reply: { status: 204 },
    handle: async ({ loaded, deps }) => {
      if (!(await deleteMember(deps.database, loaded.image.id, loaded.member.memberId)))
        throw noMember(loaded.image, loaded.member.memberId);
    },
  }),
];

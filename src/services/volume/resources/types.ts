import Type from 'typebox';
import { invalid, notFound, conflict } from '../../../lib/errors.ts';
import { isTruthy } from '../../../lib/http/query.ts';
import { actionFactory, Reply, type ActionRoute, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { nowOf, volumeRoute, type VolumeDeps } from '../deps.ts';
import type { VolumeRule } from '../policy.ts';
import type { TypeRecord } from '../records.ts';
import { Flag, Name, Nullable, readFlag } from '../schemas.ts';
import {
  addTypeProject,
  deleteTypeRow,
  findType,
  insertType,
  listTypes,
  removeTypeProject,
  typeProjects,
  updateType,
} from '../store/types.ts';
import { ofType, refuseUsedType, typeView, visibleType } from './find-type.ts';
import { ExtraSpecs, specsOf } from './type-extra-specs.ts';

const TypeName = Type.String({ minLength: 1, maxLength: 255, pattern: '\\S' });
const NewType = plainBody(
  'volume_type',
  Type.Object(
    {
      name: TypeName,
      description: Type.Optional(Name),
      extra_specs: Type.Optional(Nullable(ExtraSpecs)),
      'os-volume-type-access:is_public': Type.Optional(Flag),
    },
    { additionalProperties: true },
  ),
);
const TypeChange = plainBody(
  'volume_type',
  Type.Object(
    { name: Type.Optional(Nullable(TypeName)), description: Type.Optional(Name), is_public: Type.Optional(Flag) },
    { additionalProperties: false },
  ),
);
async function list(deps: VolumeDeps, ctx: RequestContext): Promise<Record<string, unknown>> {
  const query = new URLSearchParams(ctx.rawQuery);
  const asked = query.get('is_public')?.toLowerCase();
  const isAdmin = ctx.can('volume_extension:type_create');
  const isPublic = !isAdmin || asked === undefined || asked === 'none' ? null : isTruthy(asked);
  const types = await listTypes(deps.database, { projectId: isAdmin ? null : (ctx.caller.projectId ?? ''), isPublic });
  return { volume_types: types.map((type) => typeView(type, ctx)) };
}

const created = async (deps: VolumeDeps, ctx: RequestContext, id: string) => ({
  volume_type: typeView((await findType(deps.database, id, null))!, ctx),
});

export const typeRoutes: readonly AnyRoute<VolumeDeps>[] = [
  volumeRoute({
    method: 'GET',
    path: '/types',
    summary: 'List volume types',
    policy: 'volume_extension:type_get_all',
    reply: { status: 200 },
    handle: ({ ctx, deps }) => list(deps, ctx),
  }),
  volumeRoute({
    method: 'POST',
    path: '/types',
    summary: 'Create a volume type',
    policy: 'volume_extension:type_create',
    body: { key: 'volume_type', schema: NewType },
    reply: { status: 200 },
    async handle({ body, ctx, deps }) {
      const id = deps.ids.uuid();
      await insertType(
        deps.database,
        {
          id,
          name: body.name.trim(),
          description: body.description ?? null,
          isPublic: body['os-volume-type-access:is_public'] === undefined || readFlag(body['os-volume-type-access:is_public']),
          extraSpecs: specsOf(body.extra_specs),
        },
        nowOf(deps),
      );
      return created(deps, ctx, id);
    },
  }),
  volumeRoute({
    method: 'GET',
    path: '/types/:typeId',
    summary: 'Show a volume type',
    policy: 'volume_extension:type_get',
    ...ofType,
    reply: { status: 200 },
    handle: ({ loaded, ctx }) => ({ volume_type: typeView(loaded, ctx) }),
  }),
  volumeRoute({
    method: 'PUT',
    path: '/types/:typeId',
    summary: 'Change a volume type',
    policy: 'volume_extension:type_update',
    ...ofType,
    body: { key: 'volume_type', schema: TypeChange },
    reply: { status: 200 },
    async handle({ loaded, body, ctx, deps }) {
      const { name, description, is_public: isPublic } = body;
      if (name == null && description === undefined && isPublic === undefined)
        throw invalid('Specify volume type name, description, is_public or a combination thereof.');
      await updateType(
        deps.database,
        loaded.id,
        {
          ...(name == null ? {} : { name: name.trim() }),
          ...(description === undefined ? {} : { description }),
          ...(isPublic === undefined ? {} : { isPublic: readFlag(isPublic) }),
        },
        nowOf(deps),
      );
      return created(deps, ctx, loaded.id);
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/types/:typeId',
    summary: 'Delete a volume type',
    policy: 'volume_extension:type_delete',
    ...ofType,
    reply: { status: 202 },
    async handle({ loaded, deps }) {
      if (loaded.name === deps.settings.defaultVolumeType)
        throw invalid(`The volume type ${loaded.name} is the default volume type and cannot be deleted.`);
      await refuseUsedType(deps, loaded, 'Target volume type is still in use.');
      await deleteTypeRow(deps.database, loaded.id);
    },
  }),

  volumeRoute({
    method: 'GET',
    path: '/types/:typeId/os-volume-type-access',
    summary: 'List projects that may use a private type',
    policy: 'volume_extension:volume_type_access:get_all_for_type',
    ...ofType,
    reply: { status: 200 },
    async handle({ loaded, deps }) {
      if (loaded.isPublic) throw notFound('Access list not available for public volume types.');
      const projects = await typeProjects(deps.database, loaded.id);
      return { volume_type_access: projects.map((project_id) => ({ volume_type_id: loaded.id, project_id })) };
    },
  }),
];

const action = actionFactory<VolumeDeps, VolumeRule, TypeRecord>();
const Project = (key: string) =>
  plainBody(
    key,
    Type.Object({ project: Type.String({ minLength: 1, maxLength: 36, pattern: '^[A-Za-z0-9_-]+$' }) }, { additionalProperties: false }),
  );

export const typeActions: ActionRoute<VolumeDeps, TypeRecord> = {
  path: '/types/:typeId/action',
  load: ({ params, ctx, deps }) => visibleType(deps, ctx, params['typeId'] ?? ''),
  target: () => ({}),
  actions: [
    action({
      key: 'addProjectAccess',
      summary: 'Let a project use a private type',
      policy: 'volume_extension:volume_type_access:addProjectAccess',
      body: Project('addProjectAccess'),
      reply: { status: 202 },
      async handle({ loaded, body, deps }) {
        if (loaded.isPublic) throw conflict('Type access modification is not applicable to public volume type.');
        if (!(await addTypeProject(deps.database, loaded.id, body.project)))
          throw conflict(`Volume type access for ${loaded.id} / ${body.project} combination already exists.`);
        return new Reply(202);
      },
    }),
    action({
      key: 'removeProjectAccess',
      summary: 'Take a private type from a project',
      policy: 'volume_extension:volume_type_access:removeProjectAccess',
      body: Project('removeProjectAccess'),
      reply: { status: 202 },
      async handle({ loaded, body, deps }) {
        if (loaded.isPublic) throw conflict('Type access modification is not applicable to public volume type.');
        if (!(await removeTypeProject(deps.database, loaded.id, body.project)))
          throw notFound(`Volume type access not found for ${loaded.id} / ${body.project} combination.`);
        return new Reply(202);
      },
    }),
  ],
};

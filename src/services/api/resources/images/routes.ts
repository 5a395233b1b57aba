import type { Image } from '../../../../clients/image.ts';
import { forbidden, isKind, notFound } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { nextLinks } from '../../links.ts';
import { pageLimit } from '../../paging.ts';
import { briefImageView, imageView, type ImageDetail } from './view.ts';

const until = '2.35';

/** The image service's names of what lists were filtered by; `property-<name>` is the property itself. */
const filters: Readonly<Record<string, (value: string) => readonly [string, string]>> = {
  name: (value) => ['name', value],
  status: (value) => ['status', value.toLowerCase()],
  'changes-since': (value) => ['updated_at', `gte:${value}`],
  server: (value) => ['instance_uuid', value.split('/').at(-1) ?? ''],
  type: (value) => ['image_type', value],
  minRam: (value) => ['min_ram', value],
  minDisk: (value) => ['min_disk', value],
  marker: (value) => ['marker', value],
};
const property = /^property-(.+)$/;

function queryOf(rawQuery: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...new URLSearchParams(rawQuery)].flatMap(([name, value]) => {
      const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
      const named = property.exec(name)?.[1];
      return filter !== undefined ? [filter(value)] : named !== undefined ? [[named, value] as const] : [];
    }),
  );
}

const withService = async (deps: ApiDeps, images: readonly Image[]): Promise<readonly ImageDetail[]> => {
  const imageService = images.length === 0 ? '' : (await deps.identity.endpoints.url('image')).replace(/\/v2$/, '');
  return images.map((image) => ({ image, imageService }));
};

/** A refusal of the image service in compute's words. */
function inOurWords(error: unknown): never {
  if (isKind(error, 'notFound', 'invalid')) throw notFound('Image not found.', { cause: error });
  if (isKind(error, 'forbidden')) throw forbidden('You are not allowed to delete the image.', { cause: error });
  throw error;
}

async function page(deps: ApiDeps, ctx: RequestContext, collection: string, view: typeof imageView) {
  const limit = pageLimit(deps, new URLSearchParams(ctx.rawQuery).get('limit') ?? undefined);
  const found = limit === 0 ? [] : (await deps.image.list(deps.identity.sessionOf(ctx.caller), queryOf(ctx.rawQuery))).slice(0, limit);
  const next = nextLinks(ctx, collection, { full: found.length === limit, lastId: found.at(-1)?.id });
  const images = (await withService(deps, found)).map((each) => view.render(each, ctx));
  return { images, ...(next === undefined ? {} : { images_links: next }) };
}

/** Images as compute showed them, read from the image service. */
export const imageRoutes = [
  ...(
    [
      ['images', briefImageView, 'List images'],
      ['images/detail', imageView, 'List images with all they have'],
    ] as const
  ).map(([collection, view, summary]) =>
    route({
      method: 'GET',
      path: `/${collection}`,
      until,
      summary,
      policy: 'authenticated',
      reply: { status: 200 },
      handle: ({ ctx, deps }) => page(deps, ctx, collection, view),
    }),
  ),
  route({
    method: 'GET',
    path: '/images/:imageId',
    until,
    summary: 'Show an image',
    policy: 'authenticated',
    reply: { status: 200, key: 'image', view: imageView },
    handle: async ({ params, ctx, deps }) => {
      const image = await deps.image.show(deps.identity.sessionOf(ctx.caller), params.imageId).catch(inOurWords);
      return (await withService(deps, [image]))[0]!;
    },
  }),
  route({
    method: 'DELETE',
    path: '/images/:imageId',
    until,
    summary: 'Delete an image',
    policy: 'authenticated',
    reply: { status: 204 },
    handle: ({ params, ctx, deps }) => deps.image.delete(deps.identity.sessionOf(ctx.caller), params.imageId).catch(inOurWords),
  }),
];

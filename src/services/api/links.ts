import type { RequestContext } from '../../lib/http/route.ts';

export interface Link {
  readonly rel: string;
  readonly href: string;
  readonly type?: string;
}

/** The URL of something under the mount the request came through. */
export const selfUrl = (ctx: RequestContext, collection: string, id: string): string => `${ctx.baseUrl}${ctx.mount}/${collection}/${id}`;
/** The same without the version. */
export const bookmarkUrl = (ctx: RequestContext, collection: string, id: string): string =>
  `${ctx.baseUrl}${ctx.mount.replace(/^\/v2(\.1)?/, '')}/${collection}/${id}`;
export const links = (ctx: RequestContext, collection: string, id: string): readonly Link[] => [
  { rel: 'self', href: selfUrl(ctx, collection, id) },
  { rel: 'bookmark', href: bookmarkUrl(ctx, collection, id) },
];
export const bookmark = (ctx: RequestContext, collection: string, id: string): readonly Link[] => [
  { rel: 'bookmark', href: bookmarkUrl(ctx, collection, id) },
];

/** `<name>_links` of a page: there is a next one as long as the page is full. */
export function nextLinks(
  ctx: RequestContext,
  collection: string,
  page: { readonly full: boolean; readonly lastId: string | undefined },
): readonly Link[] | undefined {
  if (!page.full || page.lastId === undefined) return undefined;
  const query = new URLSearchParams(ctx.rawQuery);
  query.delete('marker');
  query.sort();
  query.append('marker', page.lastId);
  return [{ rel: 'next', href: `${ctx.baseUrl}${ctx.mount}/${collection}?${query.toString()}` }];
}

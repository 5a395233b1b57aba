import { flavorNotFound } from '../../../../../domain/faults.ts';
import { invalid, notFound } from '../../../../../lib/errors.ts';
import type { RequestContext } from '../../../../../lib/http/route.ts';
import { mergeExtraSpecs, removeExtraSpec } from '../../../../../store/flavors.ts';
import { route } from '../../../deps.ts';
import { does } from '../../../microversions.ts';
import { noQuery } from '../../../queries.ts';
import { flavorOf } from '../find-flavor.ts';
import { CreateExtraSpecs, UpdateExtraSpec } from './bodies.ts';
import { problemOfExtraSpec } from './known-specs.ts';

/** What a flavor demands beyond its amounts. */
export const extraSpecRoutes = [
  route({
    method: 'GET',
    path: '/flavors/:flavorId/os-extra_specs',
    summary: 'List the extra specs of a flavor',
    policy: 'os_compute_api:os-flavor-extra-specs:index',
    query: noQuery,
    reply: { status: 200, key: 'extra_specs' },
    handle: async ({ params, ctx, deps }) => (await flavorOf(deps, ctx, params.flavorId)).extraSpecs,
  }),
  route({
    method: 'POST',
    path: '/flavors/:flavorId/os-extra_specs',
    summary: 'Set extra specs of a flavor',
    policy: 'os_compute_api:os-flavor-extra-specs:create',
    body: { key: 'extra_specs', schema: CreateExtraSpecs },
    reply: { status: 200, key: 'extra_specs' },
    handle: async ({ params, body, ctx, deps }) => {
      const specs = judged(ctx, body);
      if (!(await mergeExtraSpecs(deps.stores.api, params.flavorId, specs))) throw flavorNotFound(params.flavorId);
      return specs;
    },
  }),
  route({
    method: 'GET',
    path: '/flavors/:flavorId/os-extra_specs/:key',
    summary: 'Show an extra spec of a flavor',
    policy: 'os_compute_api:os-flavor-extra-specs:show',
    query: noQuery,
    reply: { status: 200 },
    handle: async ({ params, ctx, deps }) => {
      const { extraSpecs } = await flavorOf(deps, ctx, params.flavorId);
      const value = Object.hasOwn(extraSpecs, params.key) ? extraSpecs[params.key] : undefined;
      if (value === undefined) throw extraSpecNotFound(params);
      return { [params.key]: value };
    },
  }),
  route({
    method: 'PUT',
    path: '/flavors/:flavorId/os-extra_specs/:key',
    summary: 'Change an extra spec of a flavor',
    policy: 'os_compute_api:os-flavor-extra-specs:update',
    body: { schema: UpdateExtraSpec },
    reply: { status: 200 },
    handle: async ({ params, body, ctx, deps }) => {
      if (!Object.hasOwn(body, params.key)) throw invalid('Request body and URI mismatch');
      const specs = judged(ctx, body);
      if (!(await mergeExtraSpecs(deps.stores.api, params.flavorId, specs))) throw flavorNotFound(params.flavorId);
      return specs;
    },
  }),
  route({
    method: 'DELETE',
    path: '/flavors/:flavorId/os-extra_specs/:key',
    summary: 'Remove an extra spec from a flavor',
    policy: 'os_compute_api:os-flavor-extra-specs:delete',
    reply: { status: 200 },
    handle: async ({ params, ctx, deps }) => {
      await flavorOf(deps, ctx, params.flavorId);
      if (!(await removeExtraSpec(deps.stores.api, params.flavorId, params.key))) throw extraSpecNotFound(params);
    },
  }),
];

const extraSpecNotFound = ({ flavorId, key }: { readonly flavorId: string; readonly key: string }) =>
  notFound(`Flavor ${flavorId} has no extra specs with key ${key}.`);

/** The specs as they are kept: texts, and since 2.86 none in a known namespace that means nothing. */
function judged(ctx: RequestContext, specs: Readonly<Record<string, string | number>>): Record<string, string> {
  const texts = Object.fromEntries(Object.entries(specs).map(([key, value]) => [key, String(value)]));
  if (does(ctx, 'extraSpecsJudged')) {
    for (const [key, value] of Object.entries(texts)) {
      const problem = problemOfExtraSpec(key, value);
      if (problem !== null) throw invalid(`Validation failed; ${problem}`);
    }
  }
  return texts;
}

import Type from 'typebox';
import { invalid, notFound } from '../../../lib/errors.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { nowOf, volumeRoute, type VolumeDeps } from '../deps.ts';
import { Nullable, type Texts } from '../schemas.ts';
import { updateType } from '../store/types.ts';
import { ofType, typeView } from './find-type.ts';

/** Extra specs as they are sent; null is kept as an empty text. */
export const ExtraSpecs = Type.Record(Type.String({ pattern: '^[\\w\\-.: ]{1,255}$' }), Nullable(Type.String({ maxLength: 255 })), {
  additionalProperties: false,
  maxProperties: 128,
});
export const specsOf = (specs: Readonly<Record<string, string | null>> | null | undefined): Texts =>
  Object.fromEntries(Object.entries(specs ?? {}).map(([key, value]) => [key, value ?? '']));

/** Routes of the extra specs of types. */
export const extraSpecRoutes: readonly AnyRoute<VolumeDeps>[] = [
  volumeRoute({
    method: 'GET',
    path: '/types/:typeId/extra_specs',
    summary: 'List extra specs of a volume type',
    policy: 'volume_extension:types_extra_specs:index',
    ...ofType,
    reply: { status: 200 },
    handle: ({ loaded, ctx }) => ({ extra_specs: typeView(loaded, ctx)['extra_specs'] }),
  }),
  volumeRoute({
    method: 'POST',
    path: '/types/:typeId/extra_specs',
    summary: 'Add extra specs to a volume type',
    policy: 'volume_extension:types_extra_specs:create',
    ...ofType,
    body: { key: 'extra_specs', schema: plainBody('extra_specs', ExtraSpecs) },
    reply: { status: 200 },
    async handle({ loaded, body, deps }) {
      await updateType(deps.database, loaded.id, { extraSpecs: { ...loaded.extraSpecs, ...specsOf(body) } }, nowOf(deps));
      return { extra_specs: body };
    },
  }),
  volumeRoute({
    method: 'GET',
    path: '/types/:typeId/extra_specs/:key',
    summary: 'Show an extra spec of a volume type',
    policy: 'volume_extension:types_extra_specs:index',
    ...ofType,
    reply: { status: 200 },
    handle({ loaded, params, ctx }) {
      const specs = typeView(loaded, ctx)['extra_specs'] as Texts;
      if (!Object.hasOwn(specs, params.key))
        throw notFound(`Volume Type ${loaded.id} has no extra specs with key ${params.key.slice(0, 255)}.`);
      return { [params.key]: specs[params.key] };
    },
  }),
  volumeRoute({
    method: 'PUT',
    path: '/types/:typeId/extra_specs/:key',
    summary: 'Change an extra spec of a volume type',
    policy: 'volume_extension:types_extra_specs:update',
    ...ofType,
    body: { schema: plainBody('extra_spec', ExtraSpecs) },
    reply: { status: 200 },
    async handle({ loaded, params, body, deps }) {
      if (!Object.hasOwn(body, params.key) || Object.keys(body).length !== 1) throw invalid('Request body and URI mismatch');
      await updateType(deps.database, loaded.id, { extraSpecs: { ...loaded.extraSpecs, ...specsOf(body) } }, nowOf(deps));
      return body;
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/types/:typeId/extra_specs/:key',
    summary: 'Delete an extra spec of a volume type',
    policy: 'volume_extension:types_extra_specs:delete',
    ...ofType,
    reply: { status: 202 },
    async handle({ loaded, params, deps }) {
      if (!Object.hasOwn(loaded.extraSpecs, params.key))
        throw notFound(`Volume Type ${loaded.id} has no extra specs with key ${params.key.slice(0, 255)}.`);
      const extraSpecs = Object.fromEntries(Object.entries(loaded.extraSpecs).filter(([key]) => key !== params.key));
      await updateType(deps.database, loaded.id, { extraSpecs }, nowOf(deps));
    },
  }),
];

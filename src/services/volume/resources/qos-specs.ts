import Type from 'typebox';
import type { Selectable } from 'kysely';
import { conflict, invalid, notFound } from '../../../lib/errors.ts';
import { isTruthy } from '../../../lib/http/query.ts';
import type { AnyRoute, RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { normalizeUuid } from '../../../lib/ids.ts';
import { isDuplicate } from '../../../lib/sql/database.ts';
import { nowOf, volumeRoute, type VolumeDeps } from '../deps.ts';
import { findType, typeNotFound, updateType } from '../store/types.ts';
import type { VolumeTables } from '../tables.ts';

type QosRow = Selectable<VolumeTables['qos_specs']>;

const Value = Type.Union([Type.String({ maxLength: 255 }), Type.Integer({ minimum: 0 })]);
const Specs = Type.Record(Type.String({ pattern: '^[\\w\\-.: ]{1,255}$' }), Value, { additionalProperties: false, maxProperties: 128 });
const NewSpecs = plainBody(
  'qos_specs',
  Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: 255, pattern: '\\S' }),
      consumer: Type.Optional(Type.Enum(['front-end', 'back-end', 'both'])),
    },
    { additionalProperties: Value, maxProperties: 128 },
  ),
);
const SpecsChange = plainBody('qos_specs', Specs);
const Keys = plainBody('keys', Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 128 }));

const consumers = ['front-end', 'back-end', 'both'] as const;
const view = ({ id, name, consumer, specs }: QosRow) => ({ id, name, consumer, specs });
const textsOf = (specs: Readonly<Record<string, string | number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(specs).map(([key, value]) => [key, String(value)]));

async function find({ database }: VolumeDeps, text: string): Promise<QosRow> {
  const id = normalizeUuid(text);
  const row = id === null ? undefined : await database.selectFrom('qos_specs').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound(`No such QoS spec ${text.slice(0, 64)}.`);
  return row;
}

const ofSpecs = {
  load: ({
    params,
    deps,
  }: {
    readonly params: { readonly qosId: string };
    readonly ctx: RequestContext;
    readonly deps: VolumeDeps;
  }): Promise<QosRow> => find(deps, params.qosId),
};

const setSpecs = async (
  { database }: VolumeDeps,
  { id }: QosRow,
  specs: Readonly<Record<string, string>>,
  consumer: QosRow['consumer'],
): Promise<void> => {
  await database
    .updateTable('qos_specs')
    .set({ specs: JSON.stringify(specs), consumer })
    .where('id', '=', id)
    .execute();
};

async function associate(deps: VolumeDeps, ctx: RequestContext, { id }: QosRow, how: 'associate' | 'disassociate'): Promise<void> {
  const typeId = new URLSearchParams(ctx.rawQuery).get('vol_type_id');
  if (typeId === null) throw invalid('Volume Type id must not be None.');
  const type = await findType(deps.database, typeId, null);
  if (type === null || type.id !== typeId) throw typeNotFound(typeId);
  if (how === 'associate' && type.qosSpecsId !== null && type.qosSpecsId !== id)
    throw invalid(`Type ${typeId} is already associated with another qos specs: ${type.qosSpecsId}`);
  if (how === 'associate' || type.qosSpecsId === id)
    await updateType(deps.database, type.id, { qosSpecsId: how === 'associate' ? id : null }, nowOf(deps));
}

export const qosRoutes: readonly AnyRoute<VolumeDeps>[] = [
  volumeRoute({
    method: 'GET',
    path: '/qos-specs',
    summary: 'List QoS specs',
    policy: 'volume_extension:qos_specs_manager:get_all',
    reply: { status: 200 },
    handle: async ({ deps }) => ({
      qos_specs: (await deps.database.selectFrom('qos_specs').selectAll().orderBy('created_at', 'desc').orderBy('id').execute()).map(view),
    }),
  }),
  volumeRoute({
    method: 'POST',
    path: '/qos-specs',
    summary: 'Create QoS specs',
    policy: 'volume_extension:qos_specs_manager:create',
    body: { key: 'qos_specs', schema: NewSpecs },
    reply: { status: 200 },
    async handle({ body, deps }) {
      const { name, consumer = 'back-end', ...specs } = body;
      const row = {
        id: deps.ids.uuid(),
        name: String(name).trim(),
        consumer,
        specs: JSON.stringify(textsOf(specs)),
        created_at: nowOf(deps),
      };
      try {
        await deps.database.insertInto('qos_specs').values(row).execute();
      } catch (error) {
        if (isDuplicate(error)) throw conflict(`QoS Specs ${row.name} already exists.`, { cause: error });
        throw error;
      }
      return { qos_specs: view(await find(deps, row.id)), links: [] };
    },
  }),
  volumeRoute({
    method: 'GET',
    path: '/qos-specs/:qosId',
    summary: 'Show QoS specs',
    policy: 'volume_extension:qos_specs_manager:get',
    ...ofSpecs,
    reply: { status: 200 },
    handle: ({ loaded }) => ({ qos_specs: view(loaded), links: [] }),
  }),
  volumeRoute({
    method: 'PUT',
    path: '/qos-specs/:qosId',
    summary: 'Set some of the QoS specs',
    policy: 'volume_extension:qos_specs_manager:update',
    ...ofSpecs,
    body: { key: 'qos_specs', schema: SpecsChange },
    reply: { status: 200 },
    async handle({ loaded, body, deps }) {
      const { consumer: asked = loaded.consumer, ...specs } = body;
      const consumer = consumers.find((each) => each === asked);
      if (consumer === undefined) throw invalid(`Valid consumer of QoS specs are: ${consumers.join(', ')}.`);
      await setSpecs(deps, loaded, { ...loaded.specs, ...textsOf(specs) }, consumer);
      return { qos_specs: body };
    },
  }),
  volumeRoute({
    method: 'PUT',
    path: '/qos-specs/:qosId/delete_keys',
    summary: 'Remove some of the QoS specs',
    policy: 'volume_extension:qos_specs_manager:update',
    ...ofSpecs,
    body: { key: 'keys', schema: Keys },
    reply: { status: 202 },
    async handle({ loaded, body, deps }) {
      const missing = body.find((key) => !Object.hasOwn(loaded.specs, key));
      if (missing !== undefined) throw invalid(`QoS spec ${loaded.id} has no spec with key ${missing}.`);
      const specs = Object.fromEntries(Object.entries(loaded.specs).filter(([key]) => !body.includes(key)));
      await setSpecs(deps, loaded, specs, loaded.consumer);
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/qos-specs/:qosId',
    summary: 'Delete QoS specs',
    policy: 'volume_extension:qos_specs_manager:delete',
    ...ofSpecs,
    reply: { status: 202 },
    async handle({ loaded, ctx, deps }) {
      const force = isTruthy(new URLSearchParams(ctx.rawQuery).get('force') ?? undefined);
      await deps.database.transaction().execute(async (tx) => {
        const using = await tx.selectFrom('volume_types').select('id').where('qos_specs_id', '=', loaded.id).execute();
        if (using.length > 0 && !force) throw invalid(`QoS Specs ${loaded.id} is still associated with entities.`);
        await tx.updateTable('volume_types').set({ qos_specs_id: null }).where('qos_specs_id', '=', loaded.id).execute();
        await tx.deleteFrom('qos_specs').where('id', '=', loaded.id).execute();
      });
    },
  }),
  ...(['associate', 'disassociate'] as const).map((how) =>
    volumeRoute({
      method: 'GET',
      path: `/qos-specs/:qosId/${how}` as const,
      summary: how === 'associate' ? 'Give a volume type QoS specs' : 'Take QoS specs from a volume type',
      policy: 'volume_extension:qos_specs_manager:update',
      ...ofSpecs,
      reply: { status: 202 },
      handle: ({ loaded, ctx, deps }) => associate(deps, ctx, loaded, how),
    }),
  ),
  volumeRoute({
    method: 'GET',
    path: '/qos-specs/:qosId/disassociate_all',
    summary: 'Take QoS specs from all volume types',
    policy: 'volume_extension:qos_specs_manager:update',
    ...ofSpecs,
    reply: { status: 202 },
    async handle({ loaded, deps }) {
      await deps.database.updateTable('volume_types').set({ qos_specs_id: null }).where('qos_specs_id', '=', loaded.id).execute();
    },
  }),
  volumeRoute({
    method: 'GET',
    path: '/qos-specs/:qosId/associations',
    summary: 'List volume types that have QoS specs',
    policy: 'volume_extension:qos_specs_manager:get',
    ...ofSpecs,
    reply: { status: 200 },
    async handle({ loaded, deps }) {
      const types = await deps.database.selectFrom('volume_types').select(['id', 'name']).where('qos_specs_id', '=', loaded.id).execute();
      return { qos_associations: types.map(({ id, name }) => ({ association_type: 'volume_type', id, name })) };
    },
  }),
];

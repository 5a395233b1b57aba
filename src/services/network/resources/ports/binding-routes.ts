import { Type } from 'typebox';
import { conflict } from '../../../../lib/errors.ts';
import { Reply, type RequestContext } from '../../../../lib/http/route.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { find, scopeOf } from '../../collection.ts';
import { queueEvent } from '../../compute-events/queue-event.ts';
import { route, type NetworkDeps } from '../../deps.ts';
import { bindingActive, bindingExists, bindingNotFound } from '../../neutron-errors.ts';
import { locked } from '../../resource-routes.ts';
import type { NetworkDatabase } from '../../store/tables.ts';
import { write } from '../../store/write.ts';
import { Line, NullOr } from '../../texts.ts';
import { bind, canPlug, type Binding } from './bind-port.ts';
import { ports, type PortRow } from './collection.ts';

const Profile = Type.Optional(NullOr(Type.Record(Type.String(), Type.Unknown(), { maxProperties: 50 })));
const NewBinding = plainBody(
  'NewBinding',
  Type.Object({ host: Line, vnic_type: Type.Optional(Line), profile: Profile }, { additionalProperties: false }),
);
const BindingChanges = plainBody(
  'BindingChanges',
  Type.Object({ host: Type.Optional(Line), vnic_type: Type.Optional(Line), profile: Profile }, { additionalProperties: false }),
);

const load = ({
  params,
  ctx,
  deps,
}: {
  readonly params: { readonly id: string };
  readonly ctx: RequestContext;
  readonly deps: NetworkDeps;
}): Promise<PortRow> => find(deps.db, ports, scopeOf(ctx), params.id);

const shownBinding = (binding: Binding, status: 'ACTIVE' | 'INACTIVE'): Record<string, unknown> => ({
  host: binding.host,
  vif_type: binding.vifType,
  vif_details: binding.vifDetails,
  vnic_type: binding.vnicType,
  profile: binding.profile,
  status,
  project_id: null,
});

const activeOf = (port: PortRow): Binding => ({
  host: port.binding_host,
  vnicType: port.vnic_type,
  vifType: port.vif_type,
  vifDetails: port.vif_details,
  profile: port.profile,
});

interface Prepared extends Binding {
  readonly wired: boolean;
}

async function preparedOn(db: Pick<NetworkDatabase, 'selectFrom'>, portId: string): Promise<Prepared[]> {
  const rows = await db.selectFrom('inactive_bindings').selectAll().where('port_id', '=', portId).orderBy('host').execute();
  return rows.map((row) => ({
    host: row.host,
    vnicType: row.vnic_type,
    vifType: row.vif_type,
    vifDetails: row.vif_details,
    profile: row.profile,
    wired: row.wired,
  }));
}

const columnsOf = (binding: Binding) => ({
  vnic_type: binding.vnicType,
  vif_type: binding.vifType,
  vif_details: JSON.stringify(binding.vifDetails),
  profile: JSON.stringify(binding.profile),
});

/** The bindings of a port: the active one, and those prepared on other hosts for a live migration. */
export const bindingRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/ports/:id/bindings',
    summary: 'List bindings of a port',
    policy: 'get_port_bindings',
    load,
    target: ports.target,
    reply: { status: 200, key: 'bindings' },
    async handle({ loaded, deps }) {
      const active = loaded.binding_host === '' ? [] : [shownBinding(activeOf(loaded), 'ACTIVE')];
      return [...active, ...(await preparedOn(deps.db, loaded.id)).map((binding) => shownBinding(binding, 'INACTIVE'))];
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/ports/:id/bindings',
    summary: 'Prepare a port on a host',
    policy: 'create_port_binding',
    load,
    target: ports.target,
    body: { key: 'binding', schema: NewBinding },
    reply: { status: 201, key: 'binding' },
    handle: ({ loaded, body, deps }) =>
      write(deps, async (tx, touched) => {
        const port = await locked(tx, ports, loaded.id);
        const others = await preparedOn(tx, port.id);
        if (port.binding_host === body.host || others.some((other) => other.host === body.host)) throw bindingExists(port.id, body.host);
        const binding = await bind(deps, tx, {
          host: body.host,
          vnicType: body.vnic_type ?? port.vnic_type,
          profile: body.profile ?? {},
          networkId: port.network_id,
        });
        if (!canPlug(binding))
          throw conflict(`Binding for port ${port.id} on host ${body.host} could not be created.`, { code: 'PortBindingError' });
        await tx
          .insertInto('inactive_bindings')
          .values({ port_id: port.id, host: body.host, ...columnsOf(binding), wired: deps.dataPlane === 'none' })
          .execute();
        touched.hosts.add(body.host);
        if (deps.dataPlane === 'none') await queueEvent({ tx, touched, now: deps.clock.now() }, 'network-vif-plugged', port);
        return shownBinding(binding, 'INACTIVE');
      }),
  }),
  route({
    method: 'PUT',
    path: '/v2.0/ports/:id/bindings/:host',
    summary: 'Change a prepared binding',
    policy: 'create_port_binding',
    load,
    target: ports.target,
    body: { key: 'binding', schema: BindingChanges },
    reply: { status: 200, key: 'binding' },
    handle: ({ loaded, params, body, deps }) =>
      write(deps, async (tx) => {
        const port = await locked(tx, ports, loaded.id);
        const prepared = (await preparedOn(tx, port.id)).find((binding) => binding.host === params.host);
        if (prepared === undefined) throw bindingNotFound(port.id, params.host);
        const changed = { ...prepared, vnicType: body.vnic_type ?? prepared.vnicType, profile: body.profile ?? prepared.profile };
        await tx
          .updateTable('inactive_bindings')
          .set(columnsOf(changed))
          .where('port_id', '=', port.id)
          .where('host', '=', params.host)
          .execute();
        return shownBinding(changed, 'INACTIVE');
      }),
  }),
  route({
    method: 'PUT',
    path: '/v2.0/ports/:id/bindings/:host/activate',
    summary: 'Make a prepared binding the active one',
    policy: 'activate',
    load,
    target: ports.target,
    reply: { status: 200, key: 'binding' },
    handle: ({ loaded, params, deps }) =>
      write(deps, async (tx, touched) => {
        const port = await locked(tx, ports, loaded.id);
        if (port.binding_host === params.host) throw bindingActive(port.id, params.host);
        const prepared = (await preparedOn(tx, port.id)).find((binding) => binding.host === params.host);
        if (prepared === undefined) throw bindingNotFound(port.id, params.host);
        await tx.deleteFrom('inactive_bindings').where('port_id', '=', port.id).where('host', '=', params.host).execute();
        if (port.binding_host !== '') {
          await tx
            .insertInto('inactive_bindings')
            .values({ port_id: port.id, host: port.binding_host, ...columnsOf(activeOf(port)), wired: port.status === 'ACTIVE' })
            .execute();
        }
        const status = prepared.wired && port.admin_state_up ? 'ACTIVE' : 'DOWN';
        await tx
          .updateTable('ports')
          .set({
            binding_host: prepared.host,
            ...columnsOf(prepared),
            status,
            revision_number: port.revision_number + 1,
            updated_at: new Date(deps.clock.now()),
          })
          .where('id', '=', port.id)
          .execute();
        touched.leases.add(port.network_id);
        for (const host of [port.binding_host, prepared.host]) if (host !== '') touched.hosts.add(host);
        return shownBinding(prepared, 'ACTIVE');
      }),
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/ports/:id/bindings/:host',
    summary: 'Give up a binding',
    policy: 'delete_port_binding',
    load,
    target: ports.target,
    reply: { status: 204 },
    async handle({ loaded, params, deps }) {
      await write(deps, async (tx, touched) => {
        const port = await locked(tx, ports, loaded.id);
        touched.hosts.add(params.host);
        if (port.binding_host === params.host) {
          await tx
            .updateTable('ports')
            .set({
              binding_host: '',
              vif_type: 'unbound',
              vif_details: '{}',
              profile: '{}',
              status: 'DOWN',
              revision_number: port.revision_number + 1,
            })
            .where('id', '=', port.id)
            .execute();
          return;
        }
        const gone = await tx
          .deleteFrom('inactive_bindings')
          .where('port_id', '=', port.id)
          .where('host', '=', params.host)
          .returning('host')
          .execute();
        if (gone.length === 0) throw bindingNotFound(port.id, params.host);
      });
      return new Reply(204);
    },
  }),
];

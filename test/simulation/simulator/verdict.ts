import { messageOf } from '../../../src/lib/errors.ts';
import { endedMoves } from '../../../src/domain/move.ts';
import { powerStates, type PowerState } from '../../../src/domain/instance.ts';
import { findInstance } from '../../../src/store/instances.ts';
import type { SimulatedCloud } from './cloud.ts';
import type { Ledger } from './workload.ts';

/** Everything that is still under way, in words; empty once the cloud is at rest. */
export async function underWay({ stores }: SimulatedCloud): Promise<string[]> {
  const found: string[] = [];
  for (const { name, database } of stores.cells()) {
    const sagas = await database
      .selectFrom('sagas')
      .select(['id', 'name', 'subject', 'state', 'position', 'waiting'])
      .where('state', 'in', ['running', 'unwinding'])
      .orderBy('id')
      .execute();
    for (const saga of sagas)
      found.push(
        `${saga.name} ${saga.id} of ${saga.subject} is ${saga.state} at step ${saga.position}${saga.waiting === null ? '' : ` (${saga.waiting.failure.message})`}`,
      );
    const servers = await database
      .selectFrom('instances')
      .select(['uuid', 'vm_state', 'task_state'])
      .where('deleted_at', 'is', null)
      .where((eb) => eb.or([eb('task_state', 'is not', null), eb('vm_state', '=', 'building')]))
      .orderBy('uuid')
      .execute();
    for (const server of servers) found.push(`server ${server.uuid} in ${name} is ${server.vm_state}, task ${server.task_state}`);
  }
  return found;
}

/** What the auditor says. */
export async function audited({ conductor }: SimulatedCloud): Promise<string[]> {
  try {
    const { findings, notAudited } = await conductor.audit({ repair: false }, { timeoutMs: 120_000 });
    return [
      ...findings.map(({ invariant, what, subject }) => `${invariant}: ${subject}: ${what}`),
      ...notAudited.map(({ what, why }) => `not audited: ${what}: ${why}`),
    ];
  } catch (error) {
    return [`the audit failed: ${messageOf(error)}`];
  }
}

/** How the guest of a server is, by the server's own word. */
const expected: Readonly<Record<string, readonly PowerState[] | null>> = {
  active: [powerStates.running],
  rescued: [powerStates.running, powerStates.shutdown, powerStates.crashed], // as in Nova, one that goes off meanwhile stays rescued
  paused: [powerStates.paused],
  stopped: [powerStates.shutdown, powerStates.crashed],
  suspended: [powerStates.shutdown],
  'soft-delete': [powerStates.shutdown, powerStates.crashed],
  shelved: [powerStates.shutdown, powerStates.crashed],
  shelved_offloaded: null,
};

/** Compares servers with what is there of them. */
export async function servers({ stores, hypervisors, hosts, ports, volumes }: SimulatedCloud): Promise<string[]> {
  const wrong: string[] = [];
  const guests = new Map<string, { host: string; powerState: PowerState }[]>();
  for (const host of hosts)
    for (const { id, powerState } of await hypervisors.driver(host).guests())
      guests.set(id, [...(guests.get(id) ?? []), { host, powerState }]);
  const rows = await stores.defaultCell.database
    .selectFrom('instances')
    .select(['uuid', 'host', 'vm_state', 'power_state', 'fault'])
    .where('deleted_at', 'is', null)
    .orderBy('uuid')
    .execute();
  for (const { uuid, host, vm_state: vmState, fault } of rows) {
    const its = guests.get(uuid) ?? [];
    if (vmState === 'error' && fault === null) wrong.push(`server ${uuid} is in ERROR and does not say why`);
    const wanted = expected[vmState];
    if (wanted === undefined) continue; // in ERROR or between two flavors it may be anything; the auditor has looked
    if (wanted === null) {
      if (its.length > 0) wrong.push(`server ${uuid} is ${vmState}, and has a guest on ${its.map((each) => each.host).join(', ')}`);
      continue;
    }
    const [guest] = its;
    if (guest === undefined) wrong.push(`server ${uuid} is ${vmState} on ${host}, and has no guest`);
    else if (its.length > 1 || guest.host !== host)
      wrong.push(`server ${uuid} is on ${host}, and its guest on ${its.map((each) => each.host).join(', ')}`);
    else if (!wanted.includes(guest.powerState)) wrong.push(`server ${uuid} is ${vmState}, and its guest ${guest.powerState}`);
    for (const port of ports.values())
      if (port.deviceId === uuid && port.binding.hostId !== host)
        wrong.push(`server ${uuid} is on ${host}, and its port ${port.id} on ${port.binding.hostId}`);
  }
  const known = new Set(rows.map(({ uuid }) => uuid));
  for (const { id, serverId, volumeId } of volumes.attachments.values())
    if (serverId !== null && !known.has(serverId))
      wrong.push(`attachment ${id} of volume ${volumeId} belongs to ${serverId}, which is no server`);
  return wrong;
}

/** Whatever was accepted has an end that its server's history tells. */
export async function history({ stores }: SimulatedCloud, { accepted }: Ledger): Promise<string[]> {
  const wrong: string[] = [];
  for (const { serverId, action, requestId } of accepted) {
    if ((await findInstance(stores, serverId)) === null) continue; // it was deleted, which ends whatever else was wanted of it
    const found: { readonly ended: boolean }[] = [];
    for (const { database } of stores.cells()) {
      const rows = await database
        .selectFrom('instance_actions')
        .select('events')
        .where('instance_id', '=', serverId)
        // whoever deletes what is being deleted already is told yes, and begins nothing
        .where((eb) => (action === 'delete' ? eb('action', '=', 'delete') : eb('request_id', '=', requestId)))
        .execute();
      found.push(...rows.map(({ events }) => ({ ended: events.some(({ result }) => result !== null) })));
    }
    if (found.length === 0) wrong.push(`${action} of ${serverId} (${requestId}) was accepted, and nothing is known of it`);
    else if (!found.some(({ ended }) => ended))
      wrong.push(`${action} of ${serverId} (${requestId}) was accepted, and its history does not say how it ended`);
  }
  return wrong;
}

/** What is left when every server was deleted. */
export async function leftovers({
  stores,
  hypervisors,
  hosts,
  ports,
  preparedBindings,
  volumes,
  placement,
}: SimulatedCloud): Promise<string[]> {
  const left: string[] = [];
  for (const { name, database } of stores.cells()) {
    for (const { uuid } of await database.selectFrom('instances').select('uuid').where('deleted_at', 'is', null).orderBy('uuid').execute())
      left.push(`server ${uuid} in ${name}`);
    for (const { uuid, status } of await database
      .selectFrom('migrations')
      .select(['uuid', 'status'])
      .where('status', 'not in', [...endedMoves])
      .execute())
      left.push(`move ${uuid}, which is ${status}`);
  }
  for (const host of hosts) {
    const driver = hypervisors.driver(host);
    for (const { id } of await driver.guests()) left.push(`guest ${id} on ${host}`);
    for (const id of (await driver.moves?.aside()) ?? []) left.push(`guest ${id}, set aside on ${host}`);
  }
  for (const { consumer, provider, type } of placement.holders()) left.push(`resources of ${provider}, held by ${type} ${consumer}`);
  for (const uuid of placement.overfull()) left.push(`provider ${uuid}, of which more is held than it has`);
  for (const { id, deviceId } of ports.values()) left.push(`port ${id} of ${deviceId}`);
  for (const key of preparedBindings.keys()) if (ports.has(key.split(' ')[0]!)) left.push(`port prepared: ${key}`);
  for (const { id, serverId } of volumes.attachments.values()) left.push(`attachment ${id} of ${serverId}`);
  for (const { id, status } of volumes.volumes.values()) if (status !== 'available') left.push(`volume ${id}, which is ${status}`);
  return left;
}

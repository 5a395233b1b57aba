import type { GuestEvent } from '../../domain/hosts.ts';
import { powerStates, type PowerState, type VmState } from '../../domain/instance.ts';
import { transition } from '../../store/instances.ts';
import type { CellDatabase } from '../../store/stores.ts';
import type { ConductorDeps } from './deps.ts';

/** Where an instance goes when its guest changes by itself, nothing being done to it (Nova's `_sync_instance_power_state`). */
const follows: Readonly<
  Record<GuestEvent['event'], { readonly powerState: PowerState; readonly from: readonly VmState[]; readonly to: VmState } | null>
> = {
  stopped: { powerState: powerStates.shutdown, from: ['active', 'paused', 'suspended'], to: 'stopped' },
  crashed: { powerState: powerStates.crashed, from: ['active', 'paused', 'suspended'], to: 'stopped' },
  started: { powerState: powerStates.running, from: ['stopped', 'suspended'], to: 'active' },
  paused: { powerState: powerStates.paused, from: ['active'], to: 'paused' },
  resumed: { powerState: powerStates.running, from: ['paused', 'suspended'], to: 'active' },
  suspended: { powerState: powerStates.suspended, from: ['active'], to: 'suspended' },
};

/** Lets an instance follow its guest, if it is on that host and no operation owns it. */
export async function followGuest(deps: ConductorDeps, database: CellDatabase, host: string, event: GuestEvent): Promise<void> {
  const rule = follows[event.event];
  if (rule === null) return;
  const row = await database.selectFrom('instances').select(['host', 'updated_at']).where('uuid', '=', event.instanceId).executeTakeFirst();
  // what happened before the instance's last change belongs to the operation that changed it
  if (row?.host !== host || Date.parse(row.updated_at) > event.at) return;
  const moved = await transition(
    database,
    event.instanceId,
    { whileTask: [null], whileVm: rule.from, vmState: rule.to },
    { powerState: rule.powerState },
  );
  if (moved !== null)
    deps.log.info({ instanceId: event.instanceId, host, event: event.event, vmState: rule.to }, 'instance follows its guest');
}

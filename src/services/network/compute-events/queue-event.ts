import { isUuid } from '../../../lib/ids.ts';
import { isServers } from '../resources/ports/device-owners.ts';
import type { Tx } from '../store/tables.ts';
import type { Touched } from '../store/write.ts';

export type ComputeEventName = 'network-vif-plugged' | 'network-vif-unplugged' | 'network-vif-deleted' | 'network-changed';

/** Remembers, with the change itself, what compute is to be told of the ports of servers. */
export async function queueEvent(
  { tx, touched, now }: { readonly tx: Tx; readonly touched: Touched; readonly now: number },
  name: ComputeEventName,
  ...ports: readonly { readonly id: string; readonly device_id: string; readonly device_owner: string }[]
): Promise<void> {
  const told = ports.filter((port) => isServers(port.device_owner) && isUuid(port.device_id));
  if (told.length === 0) return;
  await tx
    .insertInto('compute_events')
    .values(told.map((port) => ({ name, server_id: port.device_id, tag: port.id, status: 'completed', created_at: new Date(now) })))
    .execute();
  touched.events = true;
}

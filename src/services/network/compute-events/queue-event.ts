import { isUuid } from '../../../lib/ids.ts';
import { isServers } from '../resources/ports/device-owners.ts';
import type { Tx } from '../store/tables.ts';
import type { Touched } from '../store/write.ts';

export type ComputeEventName = 'network-vif-plugged' | 'network-vif-unplugged' | 'network-vif-deleted' | 'network-changed';

/** Remembers, with the change itself, what compute is to be told of a server's port. */
export async function queueEvent(
  { tx, touched, now }: { readonly tx: Tx; readonly touched: Touched; readonly now: number },
  name: ComputeEventName,
  port: { readonly id: string; readonly device_id: string; readonly device_owner: string },
): Promise<void> {
  if (!isServers(port.device_owner) || !isUuid(port.device_id)) return;
  await tx
    .insertInto('compute_events')
    .values({ name, server_id: port.device_id, tag: port.id, status: 'completed', created_at: new Date(now) })
    .execute();
  touched.events = true;
}

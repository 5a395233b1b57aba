import { keepDhcpPort } from '../../addresses/dhcp-port.ts';
import { queueEvent } from '../../compute-events/queue-event.ts';
import { portIsServices } from '../../neutron-errors.ts';
import type { Work } from '../../resource-routes.ts';
import { detachFloatingIps } from '../floating-ips/detach-floating-ips.ts';
import type { PortRow } from './collection.ts';
import { isAutomatic, isRouters } from './device-owners.ts';

/** Deletes a port; its floating IPs stay, without a port. A network that has DHCP gets a new DHCP port. */
export async function deletePort({ deps, tx, touched }: Work, port: PortRow): Promise<void> {
  if (isRouters(port.device_owner)) throw portIsServices(port.id, `has device owner ${port.device_owner}`);
  await detachFloatingIps({ tx, touched, deps }, port.id, 'all');
  const prepared = await tx.selectFrom('inactive_bindings').select('host').where('port_id', '=', port.id).execute();
  await tx.deleteFrom('ports').where('id', '=', port.id).execute();
  touched.leases.add(port.network_id);
  for (const group of port.security_groups) touched.groups.add(group);
  for (const { host } of [{ host: port.binding_host }, ...prepared]) if (host !== '') touched.hosts.add(host);
  await queueEvent({ tx, touched, now: deps.clock.now() }, 'network-vif-deleted', port);
  if (isAutomatic(port.device_owner)) await keepDhcpPort(tx, touched, deps, port.network_id);
}

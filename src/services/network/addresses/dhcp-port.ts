import type { NetworkDeps } from '../deps.ts';
import { deviceOwner } from '../resources/ports/device-owners.ts';
import { insertPort } from '../resources/ports/insert-port.ts';
import type { Tx } from '../store/tables.ts';
import type { Touched } from '../store/write.ts';
import { changeAddresses } from './choose-addresses.ts';

/** Gives a network's DHCP server a port with an address on each subnet that has DHCP, and takes it away when none has. */
export async function keepDhcpPort(
  tx: Tx,
  touched: Touched,
  deps: Pick<NetworkDeps, 'ids' | 'clock' | 'dataPlane'>,
  networkId: string,
): Promise<void> {
  const served = await tx
    .selectFrom('subnets')
    .select('id')
    .where('network_id', '=', networkId)
    .where('enable_dhcp', '=', true)
    .orderBy('id')
    .execute();
  const port = await tx
    .selectFrom('port_details')
    .select(['id', 'mac_address', 'fixed_ips'])
    .where('network_id', '=', networkId)
    .where('device_owner', '=', deviceOwner.dhcp)
    .executeTakeFirst();
  touched.networks.add(networkId);
  const fixedIps = served.map(({ id }) => ({ subnet_id: id }));
  if (port === undefined) {
    if (served.length === 0) return;
    const { project_id: projectId } = await tx
      .selectFrom('networks')
      .select('project_id')
      .where('id', '=', networkId)
      .executeTakeFirstOrThrow();
    await insertPort(tx, touched, deps, {
      projectId,
      networkId,
      fixedIps,
      deviceId: `dhcp-${networkId}`,
      deviceOwner: deviceOwner.dhcp,
      status: deps.dataPlane === 'none' ? 'ACTIVE' : 'DOWN',
      portSecurityEnabled: false,
    });
  } else if (served.length === 0) {
    await tx.deleteFrom('ports').where('id', '=', port.id).execute();
  } else {
    await changeAddresses(tx, { id: port.id, network_id: networkId, mac_address: port.mac_address }, port.fixed_ips, fixedIps);
  }
}

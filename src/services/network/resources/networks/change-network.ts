import { sql } from 'kysely';
import { conflict } from '../../../../lib/errors.ts';
import { isAutomatic } from '../ports/device-owners.ts';
import { externalNetworkInUse, invalidInput, networkInUse } from '../../neutron-errors.ts';
import { authorizeAttributes, type Work } from '../../resource-routes.ts';
import { guardedOnUpdate, type NetworkChanges } from './bodies.ts';
import { networkTarget, type NetworkRow } from './collection.ts';
import { share } from './create-network.ts';

/** Changes a network. Sharing it ends only when no other project uses it any more. */
export async function updateNetwork({ deps, ctx, tx, touched }: Work, network: NetworkRow, body: NetworkChanges): Promise<void> {
  authorizeAttributes(ctx, 'update_network', guardedOnUpdate, body, networkTarget(network));
  if (body['router:external'] === false && network.external) {
    const gateways = await tx.selectFrom('routers').select('id').where('gateway_network_id', '=', network.id).limit(1).execute();
    if (gateways.length > 0) throw externalNetworkInUse(network.id);
  }
  if (body.mtu !== undefined && (body.mtu < 68 || body.mtu > (network.network_type === 'vxlan' ? 1450 : 1500)))
    throw invalidInput(`Requested MTU ${body.mtu} is out of range`);
  if (body.shared === true) await share(tx, deps.ids, network.id, network.project_id);
  if (body.shared === false) {
    await tx
      .deleteFrom('rbac_policies')
      .where('network_id', '=', network.id)
      .where('action', '=', 'access_as_shared')
      .where('target_project', '=', '*')
      .execute();
    await refuseWhileOthersUse(tx, network);
  }
  await tx
    .updateTable('networks')
    .set({
      name: body.name ?? network.name,
      description: body.description ?? network.description,
      admin_state_up: body.admin_state_up ?? network.admin_state_up,
      external: body['router:external'] ?? network.external,
      is_default: body.is_default ?? network.is_default,
      mtu: body.mtu ?? network.mtu,
      port_security_enabled: body.port_security_enabled ?? network.port_security_enabled,
      dns_domain: body.dns_domain ?? network.dns_domain,
      revision_number: network.revision_number + 1,
      updated_at: new Date(deps.clock.now()),
    })
    .where('id', '=', network.id)
    .execute();
  touched.networks.add(network.id);
}

/** Refuses to hide a network from a project that has ports on it and no other policy that shares it. */
export async function refuseWhileOthersUse(tx: Work['tx'], network: Pick<NetworkRow, 'id' | 'name' | 'project_id'>): Promise<void> {
  const { rows } = await sql`SELECT 1 FROM ports p WHERE p.network_id = ${network.id} AND p.project_id NOT IN ('', ${network.project_id})
    AND NOT EXISTS (SELECT 1 FROM rbac_policies b WHERE b.network_id = p.network_id AND b.action = 'access_as_shared' AND b.target_project IN ('*', p.project_id)) LIMIT 1`.execute(
    tx,
  );
  if (rows.length > 0) {
    throw conflict(`Unable to reconfigure sharing settings for network ${network.name}. Multiple tenants are using it.`, {
      code: 'InvalidSharedSetting',
    });
  }
}

/** Deletes a network with its subnets. Only ports that the service itself made may still be on it. */
export async function deleteNetwork({ tx, touched }: Work, network: NetworkRow): Promise<void> {
  const ports = await tx.selectFrom('ports').select(['id', 'device_owner']).where('network_id', '=', network.id).execute();
  if (ports.some((port) => !isAutomatic(port.device_owner))) throw networkInUse(network.id);
  if (network.dhcp_host !== null) touched.hosts.add(network.dhcp_host);
  await tx.deleteFrom('ports').where('network_id', '=', network.id).execute();
  await tx.deleteFrom('networks').where('id', '=', network.id).execute();
}

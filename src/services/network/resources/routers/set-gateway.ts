import { find, scopeOf } from '../../collection.ts';
import { changeAddresses } from '../../addresses/choose-addresses.ts';
import { badRequest, gatewayInUseByFloatingIp } from '../../neutron-errors.ts';
import type { Work } from '../../resource-routes.ts';
import { networks } from '../networks/collection.ts';
import { deviceOwner } from '../ports/device-owners.ts';
import { insertPort } from '../ports/insert-port.ts';
import type { GatewayInfoBody } from './bodies.ts';
import { routers, type RouterRow } from './collection.ts';

/** Connects a router to an external network, changes how, or takes the connection away. */
export async function setGateway(
  work: Work,
  action: 'create_router' | 'update_router',
  router: RouterRow,
  info: GatewayInfoBody | null,
): Promise<void> {
  const { deps, ctx, tx, touched } = work;
  const target = routers.target(router);
  if (info?.enable_snat !== undefined) ctx.authorize(`${action}:external_gateway_info:enable_snat`, target);
  if (info?.external_fixed_ips !== undefined && info.external_fixed_ips !== null)
    ctx.authorize(`${action}:external_gateway_info:external_fixed_ips`, target);
  touched.routers.add(router.id);
  if (router.host !== null) touched.hosts.add(router.host);

  const networkId = info === null ? null : (info.network_id ?? router.gateway_network_id);
  if (info !== null && networkId === null) throw badRequest('router', 'network_id is required to set an external gateway');
  if (networkId !== null && networkId === router.gateway_network_id && router.gateway_port_id !== null) {
    const asked = info?.external_fixed_ips;
    if (asked !== undefined && asked !== null) {
      const port = await tx
        .selectFrom('ports')
        .select(['id', 'network_id', 'mac_address'])
        .where('id', '=', router.gateway_port_id)
        .executeTakeFirstOrThrow();
      await changeAddresses(tx, port, router.gateway_ips, asked);
    }
    if (info?.enable_snat !== undefined)
      await tx.updateTable('routers').set({ enable_snat: info.enable_snat }).where('id', '=', router.id).execute();
    return;
  }
  if (router.gateway_port_id !== null && router.gateway_network_id !== null)
    await removeGateway(work, router, router.gateway_network_id, router.gateway_port_id);
  if (networkId === null) return;

  const network = await find(tx, networks, scopeOf(ctx), networkId);
  if (!network.external) throw badRequest('router', `Network ${network.id} is not an external network`);
  const portId = await insertPort(tx, touched, deps, {
    projectId: '', // nobody's, so that its owner cannot change it past the router
    networkId: network.id,
    fixedIps: info?.external_fixed_ips ?? null,
    deviceId: router.id,
    deviceOwner: deviceOwner.routerGateway,
    status: deps.dataPlane === 'none' ? 'ACTIVE' : 'DOWN',
    portSecurityEnabled: false,
  });
  await tx
    .updateTable('routers')
    .set({ gateway_port_id: portId, gateway_network_id: network.id, enable_snat: info?.enable_snat ?? true })
    .where('id', '=', router.id)
    .execute();
}

async function removeGateway({ tx, touched }: Work, router: RouterRow, networkId: string, portId: string): Promise<void> {
  const used = await tx
    .selectFrom('floating_ips')
    .select('id')
    .where('router_id', '=', router.id)
    .where('floating_network_id', '=', networkId)
    .limit(1)
    .execute();
  if (used.length > 0) throw gatewayInUseByFloatingIp(router.id, networkId);
  await tx.updateTable('routers').set({ gateway_port_id: null, gateway_network_id: null }).where('id', '=', router.id).execute();
  await tx.deleteFrom('ports').where('id', '=', portId).execute();
  touched.leases.add(networkId);
}

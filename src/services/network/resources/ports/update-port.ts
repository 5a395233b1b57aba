import { conflict } from '../../../../lib/errors.ts';
import { changeAddresses } from '../../addresses/choose-addresses.ts';
import { scopeOf } from '../../collection.ts';
import { queueEvent } from '../../compute-events/queue-event.ts';
import { macInUse, portInUse, portIsServices, portSecurityStillNeeded } from '../../neutron-errors.ts';
import type { Work } from '../../resource-routes.ts';
import { brokenConstraint } from '../../store/write.ts';
import { detachFloatingIps } from '../floating-ips/detach-floating-ips.ts';
import { authorizePort } from './authorize-port.ts';
import { bind, canPlug, type Binding } from './bind-port.ts';
import type { PortChangesBody } from './bodies.ts';
import { ports, type PortRow } from './collection.ts';
import { isAutomatic, isRouters } from './device-owners.ts';
import { checkGroups, checkPairs, readDhcpOptions, readPairs } from './port-parts.ts';

/** Changes a port: its addresses, its groups, the host it is bound to. */
export async function updatePort({ deps, ctx, tx, touched }: Work, port: PortRow, body: PortChangesBody): Promise<void> {
  authorizePort(ctx, 'update_port', body, ports.target(port));
  refuseServicePort(port, body);
  const mac = (body.mac_address ?? port.mac_address).toLowerCase();
  if (mac !== port.mac_address && port.binding_host !== '') throw portInUse(port.id, port.network_id, port.device_id);

  const secured = body.port_security_enabled ?? port.port_security_enabled;
  const groups =
    body.security_groups === undefined ? port.security_groups : await checkGroups(tx, scopeOf(ctx), body.security_groups ?? [], secured);
  if (!secured && groups.length > 0) throw portSecurityStillNeeded();
  const pairs = body.allowed_address_pairs === undefined ? port.allowed_address_pairs : readPairs(body.allowed_address_pairs, mac);
  checkPairs(pairs, secured);
  const binding = await rebind(deps, tx, port, body);
  const adminUp = body.admin_state_up ?? port.admin_state_up;
  const moved = binding.host !== port.binding_host;
  const status = statusAfter(deps.dataPlane, port, { binding, moved, adminUp });
  const changed = { device_id: body.device_id ?? port.device_id, device_owner: body.device_owner ?? port.device_owner };

  await tx
    .updateTable('ports')
    .set({
      name: body.name ?? port.name,
      description: body.description ?? port.description,
      admin_state_up: adminUp,
      mac_address: mac,
      status,
      ...changed,
      port_security_enabled: secured,
      dns_name: body.dns_name ?? port.dns_name,
      dns_domain: body.dns_domain ?? port.dns_domain,
      allowed_address_pairs: JSON.stringify(pairs),
      extra_dhcp_opts: JSON.stringify(body.extra_dhcp_opts === undefined ? port.extra_dhcp_opts : mergedOptions(port, body)),
      binding_host: binding.host,
      vnic_type: binding.vnicType,
      vif_type: binding.vifType,
      vif_details: JSON.stringify(binding.vifDetails),
      profile: JSON.stringify(binding.profile),
      revision_number: port.revision_number + 1,
      updated_at: new Date(deps.clock.now()),
    })
    .where('id', '=', port.id)
    .execute()
    .catch((error: unknown) => {
      throw brokenConstraint(error) === 'ports_mac' ? macInUse(port.network_id, mac) : error;
    });
  if (moved)
    await tx
      .deleteFrom('inactive_bindings')
      .where('port_id', '=', port.id)
      .where('host', 'in', [binding.host, port.binding_host])
      .execute();
  if (body.security_groups !== undefined) {
    await tx.deleteFrom('port_security_groups').where('port_id', '=', port.id).execute();
    if (groups.length > 0)
      await tx
        .insertInto('port_security_groups')
        .values(groups.map((group) => ({ port_id: port.id, security_group_id: group })))
        .execute();
  }
  if (body.fixed_ips !== undefined) {
    await changeAddresses(tx, { id: port.id, network_id: port.network_id, mac_address: mac }, port.fixed_ips, body.fixed_ips ?? []);
    await detachFloatingIps({ tx, touched, deps }, port.id, 'lost-addresses');
  }
  touched.leases.add(port.network_id);
  for (const group of [...port.security_groups, ...groups]) touched.groups.add(group);
  for (const host of [port.binding_host, binding.host]) if (host !== '') touched.hosts.add(host);

  const events = { tx, touched, now: deps.clock.now() };
  if (port.status === 'ACTIVE' && status !== 'ACTIVE') await queueEvent(events, 'network-vif-unplugged', port);
  if (status === 'ACTIVE' && (port.status !== 'ACTIVE' || moved))
    await queueEvent(events, 'network-vif-plugged', { id: port.id, ...changed });
  if (body.fixed_ips !== undefined) await queueEvent(events, 'network-changed', { id: port.id, ...changed });
}

/** What a router, a floating IP or a DHCP server uses is changed through them. */
function refuseServicePort(port: PortRow, body: PortChangesBody): void {
  if (!isRouters(port.device_owner) && !isAutomatic(port.device_owner)) return;
  const touches =
    body.fixed_ips !== undefined ||
    (body.device_id ?? port.device_id) !== port.device_id ||
    (body.device_owner ?? port.device_owner) !== port.device_owner;
  if (touches) throw portIsServices(port.id, `has device owner ${port.device_owner}`);
}

/** The binding the body asks for; the present one where it asks for nothing new. One that failed is tried again. */
async function rebind(deps: Work['deps'], tx: Work['tx'], port: PortRow, body: PortChangesBody): Promise<Binding> {
  const host = body['binding:host_id'] === undefined ? port.binding_host : (body['binding:host_id'] ?? '');
  const vnicType = body['binding:vnic_type'] ?? port.vnic_type;
  const profile = body['binding:profile'] === undefined ? port.profile : (body['binding:profile'] ?? {});
  if (vnicType !== port.vnic_type && port.binding_host !== '') {
    throw conflict(
      `Unable to complete operation on port ${port.id}, port is already bound, port type: ${port.vif_type}. The vnic_type of a bound port cannot change.`,
      { code: 'PortBound' },
    );
  }
  const isSame = host === port.binding_host && (body['binding:host_id'] === undefined || port.vif_type !== 'binding_failed');
  if (isSame) return { host, vnicType, vifType: port.vif_type, vifDetails: port.vif_details, profile };
  return bind(deps, tx, { host, vnicType, profile, networkId: port.network_id });
}

function statusAfter(
  dataPlane: Work['deps']['dataPlane'],
  port: PortRow,
  { binding, moved, adminUp }: { readonly binding: Binding; readonly moved: boolean; readonly adminUp: boolean },
): string {
  if (isRouters(port.device_owner) || isAutomatic(port.device_owner)) return port.status;
  if (!adminUp || !canPlug(binding)) return 'DOWN';
  if (dataPlane === 'none') return 'ACTIVE';
  return moved ? 'DOWN' : port.status;
}

/** Options are merged by name; null takes one away, as Neutron has it. */
function mergedOptions(port: PortRow, body: PortChangesBody): unknown {
  const named = new Set((body.extra_dhcp_opts ?? []).map((option) => `${option.opt_name} ${Number(option.ip_version ?? 4)}`));
  return [
    ...port.extra_dhcp_opts.filter((option) => !named.has(`${option.opt_name} ${option.ip_version}`)),
    ...readDhcpOptions(body.extra_dhcp_opts),
  ];
}

import { find, scopeOf } from '../../collection.ts';
import { queueEvent } from '../../compute-events/queue-event.ts';
import { networkNotFound } from '../../neutron-errors.ts';
import { enforceQuota } from '../../quota/enforce-quota.ts';
import type { Work } from '../../resource-routes.ts';
import { networks, networkTarget } from '../networks/collection.ts';
import { defaultGroup } from '../security-groups/default-group.ts';
import { authorizePort } from './authorize-port.ts';
import { bind, canPlug } from './bind-port.ts';
import type { NewPortBody } from './bodies.ts';
import { isNetworkDevice } from './device-owners.ts';
import { insertPort } from './insert-port.ts';
import { checkGroups, checkPairs, readDhcpOptions, readPairs } from './port-parts.ts';

/** Makes a port on a network the caller may use. */
export async function createPort({ deps, ctx, tx, touched }: Work, body: NewPortBody, projectId: string): Promise<string> {
  const scope = scopeOf(ctx);
  const network = await find(tx, networks, scope, body.network_id);
  const target = { ...networkTarget(network), project_id: projectId, tenant_id: projectId };
  ctx.authorize('create_port', target);
  // an external network is seen by everybody, but only its owner puts ports on it
  if (!scope.elevated && !network.shared && network.project_id !== scope.projectId) throw networkNotFound(network.id);
  authorizePort(ctx, 'create_port', body, target);
  const portSecurityEnabled = body.port_security_enabled ?? network.port_security_enabled;
  if (portSecurityEnabled !== network.port_security_enabled) ctx.authorize('create_port:port_security_enabled', target);
  const present = await tx.selectFrom('networks').select('id').where('id', '=', network.id).forKeyShare().executeTakeFirst();
  if (present === undefined) throw networkNotFound(network.id); // deleted in the meantime

  const deviceOwner = body.device_owner ?? '';
  const groups =
    body.security_groups === undefined || body.security_groups === null
      ? portSecurityEnabled && !isNetworkDevice(deviceOwner)
        ? [await defaultGroup(tx, deps, projectId)]
        : []
      : await checkGroups(tx, scope, body.security_groups, portSecurityEnabled);
  const pairs = readPairs(body.allowed_address_pairs ?? null, body.mac_address ?? '');
  checkPairs(pairs, portSecurityEnabled);
  const binding = await bind(deps, tx, {
    host: body['binding:host_id'] ?? '',
    vnicType: body['binding:vnic_type'] ?? 'normal',
    profile: body['binding:profile'] ?? {},
    networkId: network.id,
  });
  const isActive = deps.dataPlane === 'none' && canPlug(binding) && body.admin_state_up !== false;
  const deviceId = body.device_id ?? '';
  // last of all questions: from here to the commit the project's other new ports wait
  await enforceQuota(tx, projectId, 'port', 1);
  const id = await insertPort(tx, touched, deps, {
    projectId,
    networkId: network.id,
    name: body.name ?? '',
    description: body.description ?? '',
    macAddress: body.mac_address ?? null,
    fixedIps: body.fixed_ips ?? null,
    deviceId,
    deviceOwner,
    adminStateUp: body.admin_state_up ?? true,
    status: isActive ? 'ACTIVE' : 'DOWN',
    portSecurityEnabled,
    securityGroupIds: groups,
    dnsName: body.dns_name ?? '',
    dnsDomain: body.dns_domain ?? '',
    allowedAddressPairs: pairs,
    extraDhcpOptions: readDhcpOptions(body.extra_dhcp_opts),
    binding,
    tags: [...new Set(body.tags ?? [])],
  });
  if (isActive)
    await queueEvent({ tx, touched, now: deps.clock.now() }, 'network-vif-plugged', { id, device_id: deviceId, device_owner: deviceOwner });
  return id;
}

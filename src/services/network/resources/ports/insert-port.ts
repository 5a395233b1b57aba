import type { IdSource } from '../../../../lib/ids.ts';
import { giveAddresses, type AskedAddress } from '../../addresses/choose-addresses.ts';
import type { NetworkDeps } from '../../deps.ts';
import { macInUse } from '../../neutron-errors.ts';
import type { AddressPair, DhcpOption, Tx } from '../../store/tables.ts';
import { againIfTaken, brokenConstraint, type Touched } from '../../store/write.ts';
import type { Binding } from './bind-port.ts';
import { unbound } from './bind-port.ts';

export interface PortToInsert {
  readonly projectId: string;
  readonly networkId: string;
  readonly name?: string;
  readonly description?: string;
  /** Null: one of our own range is drawn. */
  readonly macAddress?: string | null;
  /** Null: one of each IP version. */
  readonly fixedIps: readonly AskedAddress[] | 'ipv4' | null;
  readonly deviceId: string;
  readonly deviceOwner: string;
  readonly adminStateUp?: boolean;
  readonly status: 'ACTIVE' | 'DOWN';
  readonly portSecurityEnabled: boolean;
  readonly securityGroupIds?: readonly string[];
  readonly dnsName?: string;
  readonly dnsDomain?: string;
  readonly allowedAddressPairs?: readonly AddressPair[];
  readonly extraDhcpOptions?: readonly DhcpOption[];
  readonly binding?: Binding;
  readonly tags?: readonly string[];
}

/** Neutron's own range: locally administered and unicast. */
const drawMac = (ids: IdSource): string => `fa:16:3e:${ids.uuid().slice(0, 6).match(/../g)?.join(':') ?? ''}`;

/** Makes a port with its addresses and groups; nothing of who may do so is asked here. */
export async function insertPort(tx: Tx, touched: Touched, deps: Pick<NetworkDeps, 'ids' | 'clock'>, port: PortToInsert): Promise<string> {
  const id = deps.ids.uuid();
  const mac = port.macAddress?.toLowerCase() ?? drawMac(deps.ids);
  const now = new Date(deps.clock.now());
  const binding = port.binding ?? unbound('normal', {});
  await tx
    .insertInto('ports')
    .values({
      id,
      project_id: port.projectId,
      name: port.name ?? '',
      description: port.description ?? '',
      tags: [...(port.tags ?? [])],
      created_at: now,
      updated_at: now,
      network_id: port.networkId,
      mac_address: mac,
      admin_state_up: port.adminStateUp ?? true,
      status: port.status,
      device_id: port.deviceId,
      device_owner: port.deviceOwner,
      port_security_enabled: port.portSecurityEnabled,
      dns_name: port.dnsName ?? '',
      dns_domain: port.dnsDomain ?? '',
      allowed_address_pairs: JSON.stringify(port.allowedAddressPairs ?? []),
      extra_dhcp_opts: JSON.stringify(port.extraDhcpOptions ?? []),
      binding_host: binding.host,
      vnic_type: binding.vnicType,
      vif_type: binding.vifType,
      vif_details: JSON.stringify(binding.vifDetails),
      profile: JSON.stringify(binding.profile),
    })
    .execute()
    .catch((error: unknown) => {
      if (brokenConstraint(error) === 'ports_mac' && typeof port.macAddress === 'string') throw macInUse(port.networkId, mac);
      return againIfTaken(error);
    });
  const groups = [...new Set(port.securityGroupIds ?? [])];
  if (groups.length > 0)
    await tx
      .insertInto('port_security_groups')
      .values(groups.map((group) => ({ port_id: id, security_group_id: group })))
      .execute();
  // last, because subnets are held from here on
  await giveAddresses(tx, { id, network_id: port.networkId, mac_address: mac }, port.fixedIps);
  touched.leases.add(port.networkId);
  for (const group of groups) touched.groups.add(group);
  if (binding.host !== '') touched.hosts.add(binding.host);
  return id;
}

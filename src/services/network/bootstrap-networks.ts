import type { Session } from '../../clients/session.ts';
import { createHttpClient } from '../../lib/http/client.ts';
import type { Log } from '../../lib/log.ts';
import { formatAddress, hostRangeOf, parsePrefix } from './addresses/prefix.ts';
import { invalidInput } from './neutron-errors.ts';

export interface BootstrapNetworksOptions {
  /** Where the network service listens, without `/v2.0`. */
  readonly url: string;
  /** An administrator's. */
  readonly session: Session;
  /** Whom the networks belong to. */
  readonly projectId: string;
  /** Of the shared network; it must clash with nothing on the host. */
  readonly privateCidr: string;
  /** Of the floating IPs; its first address is the host's. */
  readonly externalCidr: string;
  readonly dnsNameservers?: readonly string[];
  readonly log: Log;
}

const text = (value: bigint): string => formatAddress({ version: 4, value });

export interface BootstrappedNetworks {
  readonly privateNetworkId: string;
  readonly externalNetworkId: string;
  readonly routerId: string;
}

interface Named {
  readonly id: string;
}
interface RouterOnWire extends Named {
  readonly external_gateway_info: { readonly network_id: string } | null;
}

/** Gives a new cloud a shared network `private` with DHCP, an external one `public`, and `router1` between them. What is there already stays as it is. */
export async function bootstrapNetworks(options: BootstrapNetworksOptions): Promise<BootstrappedNetworks> {
  const { session, projectId, log } = options;
  const http = createHttpClient({ service: 'network', connections: 2 });
  const ask = async <T>(method: 'GET' | 'POST' | 'PUT', path: string, json?: unknown): Promise<T> =>
    (
      await http.json<T>({
        method,
        url: `${options.url}/v2.0/${path}`,
        headers: { 'x-auth-token': await session.token() },
        ...(json === undefined ? {} : { json }),
      })
    ).json;

  /** The resource of this name, made unless it is there. */
  const ensure = async <T extends Named>(
    plural: string,
    singular: string,
    query: Record<string, string>,
    body: Record<string, unknown>,
  ): Promise<T> => {
    const found = await ask<Record<string, T[]>>('GET', `${plural}?${new URLSearchParams({ ...query, project_id: projectId }).toString()}`);
    const [first] = found[plural] ?? [];
    if (first !== undefined) return first;
    const made = await ask<Record<string, T>>('POST', plural, { [singular]: { ...query, project_id: projectId, ...body } });
    const resource = made[singular];
    if (resource === undefined) throw new TypeError(`the network service made no ${singular}`);
    log.info({ id: resource.id, kind: singular, name: query['name'] }, 'made for a new cloud');
    return resource;
  };

  try {
    const external = parsePrefix(options.externalCidr);
    if (external === null || external.version !== 4)
      throw invalidInput(`'${options.externalCidr}' is not an IPv4 network for floating IPs`);
    const hosts = hostRangeOf(external);
    const inside = await ensure('networks', 'network', { name: 'private' }, { shared: true });
    const insideSubnet = await ensure(
      'subnets',
      'subnet',
      { name: 'private-subnet', network_id: inside.id },
      { ip_version: 4, cidr: options.privateCidr, enable_dhcp: true, dns_nameservers: options.dnsNameservers ?? [] },
    );
    const outside = await ensure('networks', 'network', { name: 'public' }, { 'router:external': true, is_default: true });
    await ensure(
      'subnets',
      'subnet',
      { name: 'public-subnet', network_id: outside.id },
      {
        ip_version: 4,
        cidr: options.externalCidr,
        enable_dhcp: false,
        gateway_ip: text(hosts.first),
        allocation_pools: [{ start: text(hosts.first + 1n), end: text(hosts.last) }],
      },
    );
    const router = await ensure<RouterOnWire>(
      'routers',
      'router',
      { name: 'router1' },
      { external_gateway_info: { network_id: outside.id } },
    );
    if (router.external_gateway_info === null)
      await ask('PUT', `routers/${router.id}`, { router: { external_gateway_info: { network_id: outside.id } } });
    const { ports } = await ask<{ ports: readonly Named[] }>(
      'GET',
      `ports?device_id=${router.id}&device_owner=network:router_interface&fixed_ips=subnet_id%3D${insideSubnet.id}`,
    );
    if (ports.length === 0) await ask('PUT', `routers/${router.id}/add_router_interface`, { subnet_id: insideSubnet.id });
    return { privateNetworkId: inside.id, externalNetworkId: outside.id, routerId: router.id };
  } finally {
    await http.close();
  }
}

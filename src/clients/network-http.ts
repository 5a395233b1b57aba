import { isKind, KilonovaError } from '../lib/errors.ts';
import { createHttpClient, errorOfStatus, type HttpRequest } from '../lib/http/client.ts';
import type { Log } from '../lib/log.ts';
import type { NetworkClient } from './network.ts';
import {
  fromNewIngressRule,
  fromNewPort,
  fromPortChanges,
  toBinding,
  toFloatingIp,
  toNetwork,
  toPort,
  toSecurityGroup,
  toSecurityGroupRule,
  toSubnet,
  type WireBinding,
  type WireFloatingIp,
  type WireNetwork,
  type WirePort,
  type WireSecurityGroup,
  type WireSecurityGroupRule,
  type WireSubnet,
} from './network-wire.ts';
import type { Endpoints, Session } from './session.ts';

export interface NetworkClientOptions {
  readonly endpoints: Endpoints;
  readonly log: Log;
}

type Query = Readonly<Record<string, string | readonly string[]>>;

/** So many values of one filter fit into a URL; more are asked for in several requests. */
const valuesPerRequest = 100;
/** A list that goes on for longer than this is one that never ends. */
const maxPages = 10_000;

/** The network service of the catalog: ours, or a Neutron. */
export function createNetworkClient({ endpoints, log }: NetworkClientOptions): NetworkClient & { close(): Promise<void> } {
  const http = createHttpClient({ service: 'network' });

  async function ask<T>(session: Session, method: NonNullable<HttpRequest['method']>, path: string, json?: unknown): Promise<T> {
    const url = `${(await endpoints.url('network')).replace(/\/v2\.0$/, '')}/v2.0/${path}`;
    const { status, body } = await http.raw({
      method,
      url,
      headers: { 'x-auth-token': await session.token() },
      ...(json === undefined ? {} : { json }),
    });
    const text = await body.text();
    if (status < 200 || status >= 300) throw refusal(status, text);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape is Neutron's API
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** All pages of a list, in as many requests as its filters need. */
  async function list<T>(session: Session, plural: string, query: Query = {}): Promise<T[]> {
    const path = plural.replaceAll('_', '-');
    const found: T[] = [];
    for (const part of partsOf(query)) {
      const parameters = new URLSearchParams(Object.entries(part).flatMap(([name, value]) => [value].flat().map((each) => [name, each])));
      for (let page = 0; page < maxPages; page++) {
        const answer = await ask<Record<string, unknown>>(session, 'GET', `${path}?${parameters.toString()}`);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape is Neutron's API
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape is Neutron's API
        const rows = answer[plural] as T[];
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
        const links = (answer[`${plural}_links`] ?? []) as readonly { readonly rel: string; readonly href: string }[];
        found.push(...rows);
        const next = links.find((link) => link.rel === 'next');
        const marker = next === undefined ? null : new URL(next.href, 'http://network').searchParams.get('marker');
        if (marker === null || rows.length === 0) break;
        parameters.set('marker', marker);
      }
    }
    return found;
  }

  const group = async (session: Session, method: 'GET' | 'POST' | 'PUT', below: string, json?: unknown) =>
    toSecurityGroup(
      (await ask<{ readonly security_group: WireSecurityGroup }>(session, method, `security-groups${below}`, json)).security_group,
    );
  const rule = async (session: Session, method: 'GET' | 'POST', below: string, json?: unknown) =>
    toSecurityGroupRule(
      (await ask<{ readonly security_group_rule: WireSecurityGroupRule }>(session, method, `security-group-rules${below}`, json))
        .security_group_rule,
    );
  const ports = (session: Session, query?: Query): Promise<WirePort[]> => list<WirePort>(session, 'ports', query);

  return {
    networks: async (session, query) => (await list<WireNetwork>(session, 'networks', query)).map(toNetwork),
    async subnets(session, query) {
      const subnets = await list<WireSubnet>(session, 'subnets', query);
      const networkIds = [...new Set(subnets.filter((subnet) => subnet.enable_dhcp).map((subnet) => subnet.network_id))];
      const servers = networkIds.length === 0 ? [] : await ports(session, { network_id: networkIds, device_owner: 'network:dhcp' });
      const serverOf = new Map(servers.flatMap((port) => port.fixed_ips.map((ip) => [ip.subnet_id, ip.ip_address] as const)));
      return subnets.map((subnet) => toSubnet(subnet, serverOf.get(subnet.id) ?? null));
    },
    ports: async (session, query) => (await ports(session, query)).map(toPort),
    port: async (session, portId) =>
      toPort((await ask<{ readonly port: WirePort }>(session, 'GET', `ports/${encodeURIComponent(portId)}`)).port),
    createPort: async (session, port) =>
      toPort((await ask<{ readonly port: WirePort }>(session, 'POST', 'ports', { port: fromNewPort(port) })).port),
    async createPorts(session, wanted) {
      if (wanted.length === 0) return [];
      const { ports: made } = await ask<{ readonly ports: readonly WirePort[] }>(session, 'POST', 'ports', {
        ports: wanted.map(fromNewPort),
      });
      return made.map(toPort);
    },
    updatePort: async (session, portId, changes) =>
      toPort(
        (await ask<{ readonly port: WirePort }>(session, 'PUT', `ports/${encodeURIComponent(portId)}`, { port: fromPortChanges(changes) }))
          .port,
      ),
    async prepareBinding(session, portId, { hostId: host, profile }) {
      const path = `ports/${encodeURIComponent(portId)}/bindings`;
      try {
        const { binding } = await ask<{ readonly binding: WireBinding }>(session, 'POST', path, {
          binding: { host, profile },
        });
        return toBinding(binding);
      } catch (error) {
        if (!isKind(error, 'conflict')) throw error;
        const { bindings } = await ask<{ readonly bindings: readonly WireBinding[] }>(session, 'GET', path);
        const known = bindings.find((binding) => binding.host === host);
        if (known === undefined) throw error; // it cannot be bound there
        return toBinding(known);
      }
    },
    async activateBinding(session, portId, host) {
      const path = `ports/${encodeURIComponent(portId)}/bindings`;
      try {
        await ask(session, 'PUT', `${path}/${encodeURIComponent(host)}/activate`);
      } catch (error) {
        if (!isKind(error, 'conflict')) throw error;
        const { bindings } = await ask<{ readonly bindings: readonly WireBinding[] }>(session, 'GET', path);
        if (!bindings.some((binding) => binding.host === host && binding.status === 'ACTIVE')) throw error;
      }
    },
    async deleteBinding(session, portId, host) {
      try {
        await ask(session, 'DELETE', `ports/${encodeURIComponent(portId)}/bindings/${encodeURIComponent(host)}`);
      } catch (error) {
        if (!isKind(error, 'notFound')) throw error;
        log.debug({ portId, host }, 'the binding was gone already');
      }
    },
    async deletePort(session, portId) {
      try {
        await ask(session, 'DELETE', `ports/${encodeURIComponent(portId)}`);
      } catch (error) {
        if (!isKind(error, 'notFound')) throw error;
        log.debug({ portId }, 'the port was gone already');
      }
    },
    securityGroups: async (session, query) => (await list<WireSecurityGroup>(session, 'security_groups', query)).map(toSecurityGroup),
    securityGroup: (session, id) => group(session, 'GET', `/${encodeURIComponent(id)}`),
    createSecurityGroup: (session, { name, description }) => group(session, 'POST', '', { security_group: { name, description } }),
    updateSecurityGroup: (session, id, { name, description }) =>
      group(session, 'PUT', `/${encodeURIComponent(id)}`, { security_group: { name, description } }),
    async deleteSecurityGroup(session, id) {
      await ask(session, 'DELETE', `security-groups/${encodeURIComponent(id)}`);
    },
    securityGroupRule: (session, id) => rule(session, 'GET', `/${encodeURIComponent(id)}`),
    createIngressRule: (session, wanted) => rule(session, 'POST', '', { security_group_rule: fromNewIngressRule(wanted) }),
    async deleteSecurityGroupRule(session, id) {
      await ask(session, 'DELETE', `security-group-rules/${encodeURIComponent(id)}`);
    },
    floatingIps: async (session, query) => (await list<WireFloatingIp>(session, 'floatingips', query)).map(toFloatingIp),
    async createFloatingIp(session, networkId) {
      const { floatingip } = await ask<{ readonly floatingip: WireFloatingIp }>(session, 'POST', 'floatingips', {
        floatingip: { floating_network_id: networkId },
      });
      return toFloatingIp(floatingip);
    },
    async updateFloatingIp(session, id, leadsTo) {
      const { floatingip } = await ask<{ readonly floatingip: WireFloatingIp }>(session, 'PUT', `floatingips/${encodeURIComponent(id)}`, {
        floatingip: leadsTo === null ? { port_id: null } : { port_id: leadsTo.portId, fixed_ip_address: leadsTo.fixedIpAddress },
      });
      return toFloatingIp(floatingip);
    },
    async deleteFloatingIp(session, id) {
      await ask(session, 'DELETE', `floatingips/${encodeURIComponent(id)}`);
    },
    async autoAllocate(session, projectId) {
      const { auto_allocated_topology: made } = await ask<{ readonly auto_allocated_topology: { readonly id: string } }>(
        session,
        'GET',
        `auto-allocated-topology/${encodeURIComponent(projectId)}`,
      );
      return made.id;
    },
    async checkAutoAllocate(session, projectId) {
      await ask(session, 'GET', `auto-allocated-topology/${encodeURIComponent(projectId)}?fields=dry-run`);
    },
    async portQuota(session, projectId) {
      const { quota } = await ask<{ readonly quota: { readonly port: { readonly limit: number; readonly used: number } } }>(
        session,
        'GET',
        `quotas/${encodeURIComponent(projectId)}/details.json`,
      );
      const { limit, used } = quota.port;
      return limit < 0 ? null : { limit, used };
    },
    close: () => http.close(),
  };
}

/** Splits a query whose longest filter has too many values for one URL; a filter without values matches nothing. */
function partsOf(query: Query): Query[] {
  const lists = Object.entries(query).flatMap(([name, value]) => (typeof value === 'string' ? [] : [{ name, values: value }]));
  if (lists.some(({ values }) => values.length === 0)) return [];
  const longest = lists.reduce((best, each) => (each.values.length > best.values.length ? each : best), {
    name: '',
    values: [] as readonly string[],
  });
  if (longest.values.length <= valuesPerRequest) return [query];
  const parts: Query[] = [];
  for (let from = 0; from < longest.values.length; from += valuesPerRequest) {
    parts.push({ ...query, [longest.name]: longest.values.slice(from, from + valuesPerRequest) });
  }
  return parts;
}

/** A refusal with the name of Neutron's exception as its code; a quota that is used up is told apart from other conflicts. */
function refusal(status: number, text: string): KilonovaError {
  const error = errorOfStatus('network', status, text);
  const type = /"type"\s*:\s*"(\w+)"/.exec(text)?.[1];
  if (type === undefined) return error;
  return new KilonovaError(type === 'OverQuota' ? 'quota' : error.kind, error.message, { code: type, details: error.details });
}

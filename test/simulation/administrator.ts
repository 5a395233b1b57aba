import { readFile } from 'node:fs/promises';

export interface Server {
  readonly id: string;
  readonly status: string;
  readonly taskState: string | null;
  readonly fault: string | null;
  readonly reservationId: string;
}

interface WireServer {
  readonly id: string;
  readonly status: string;
  readonly 'OS-EXT-STS:task_state': string | null;
  readonly 'OS-EXT-SRV-ATTR:reservation_id': string;
  readonly fault?: { readonly message: string };
}

/** Whether a wish was accepted, and for which servers. */
export interface Accepted {
  readonly accepted: boolean;
  readonly ids: readonly string[];
  readonly reservation?: { readonly id: string; readonly count: number };
}

/** Somebody with an `openrc`, who knows nothing but HTTP. A request without an answer throws; a refusal is an answer. */
export interface Administrator {
  create(name: string, count: number): Promise<Accepted>;
  act(id: string, action: object): Promise<Accepted>;
  remove(id: string): Promise<Accepted>;
  servers(): Promise<readonly Server[]>;
  /** Ids of ports that belong to servers. */
  serverPorts(): Promise<readonly string[]>;
  liftQuotas(): Promise<void>;
  /** Any request, by service type and path. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks knows what is answered
  ask<T>(type: string, method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answered<T>>;
  readonly projectId: string;
  /** The network `private`, and the one image. */
  readonly networkId: string;
  readonly imageId: string;
}

interface Answered<T> {
  readonly status: number;
  readonly json: T;
}

export async function administrator(openrc: string): Promise<Administrator> {
  const variables = new Map(
    [...(await readFile(openrc, 'utf8')).matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
  const of = (name: string): string => variables.get(name) ?? '';
  const domain = { name: of('OS_USER_DOMAIN_NAME') };
  const issued = await fetch(`${of('OS_AUTH_URL')}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: { methods: ['password'], password: { user: { name: of('OS_USERNAME'), domain, password: of('OS_PASSWORD') } } },
        scope: { project: { name: of('OS_PROJECT_NAME'), domain } },
      },
    }),
  });
  if (issued.status !== 201) throw new Error(`no token: ${await issued.text()}`);
  const { token } = (await issued.json()) as {
    token: { project: { id: string }; catalog: { type: string; endpoints: { interface: string; url: string }[] }[] };
  };
  const headers = {
    'x-auth-token': issued.headers.get('x-subject-token') ?? '',
    'content-type': 'application/json',
    'openstack-api-version': 'compute 2.93',
  };
  const base = (type: string): string =>
    token.catalog.find((service) => service.type === type)?.endpoints.find((endpoint) => endpoint.interface === 'public')?.url ?? '';
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks knows what is answered
  const ask = async <T>(
    type: string,
    method: string,
    path: string,
    body?: unknown,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Answered<T>> => {
    const answer = await fetch(`${base(type)}${path}`, {
      method,
      headers: { ...headers, ...more },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await answer.text();
    return { status: answer.status, json: (text === '' ? null : JSON.parse(text)) as T };
  };
  const { networks } = (await ask<{ networks: { id: string; name: string }[] }>('network', 'GET', '/v2.0/networks')).json;
  const { images } = (await ask<{ images: { id: string }[] }>('image', 'GET', '/v2/images')).json;
  const network = networks.find(({ name }) => name === 'private')?.id ?? '';

  return {
    ask,
    projectId: token.project.id,
    networkId: network,
    imageId: images[0]?.id ?? '',
    async create(name, count) {
      const wanted = {
        name,
        imageRef: images[0]?.id,
        flavorRef: '1',
        networks: [{ uuid: network }],
        min_count: count,
        return_reservation_id: true,
      };
      const { status, json } = await ask<{ reservation_id: string }>('compute', 'POST', '/servers', { server: wanted });
      if (status !== 202) return { accepted: false, ids: [] };
      // from here on the servers must be there, also for somebody who does not learn which they are
      const reservation = { id: json.reservation_id, count };
      try {
        const listed = await ask<{ servers: { id: string }[] }>('compute', 'GET', `/servers?reservation_id=${reservation.id}`);
        return { accepted: true, ids: listed.json.servers.map(({ id }) => id), reservation };
      } catch {
        return { accepted: true, ids: [], reservation };
      }
    },
    act: async (id, action) => ({ accepted: (await ask('compute', 'POST', `/servers/${id}/action`, action)).status === 202, ids: [id] }),
    remove: async (id) => ({ accepted: (await ask('compute', 'DELETE', `/servers/${id}`)).status === 204, ids: [id] }),
    async servers() {
      const { servers } = (await ask<{ servers: WireServer[] }>('compute', 'GET', '/servers/detail?all_tenants=true')).json;
      return servers.map((server) => ({
        id: server.id,
        status: server.status,
        taskState: server['OS-EXT-STS:task_state'],
        fault: server.fault?.message ?? null,
        reservationId: server['OS-EXT-SRV-ATTR:reservation_id'],
      }));
    },
    async serverPorts() {
      const { ports } = (await ask<{ ports: { id: string; device_owner: string }[] }>('network', 'GET', '/v2.0/ports')).json;
      return ports.filter(({ device_owner }) => device_owner.startsWith('compute:')).map(({ id }) => id);
    },
    async liftQuotas() {
      const { status, json } = await ask('compute', 'PUT', `/os-quota-sets/${token.project.id}`, {
        quota_set: { instances: -1, cores: -1, ram: -1 },
      });
      if (status !== 200) throw new Error(`quotas cannot be lifted: ${JSON.stringify(json)}`);
    },
  };
}

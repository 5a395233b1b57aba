import { findInstance } from '../../../src/store/instances.ts';
import type { SimulatedCloud } from './cloud.ts';
import type { Random } from './random.ts';
import type { Watcher } from './watcher.ts';

/** Something the API has said yes to. */
export interface Accepted {
  readonly serverId: string;
  readonly action: string;
  readonly requestId: string;
  readonly at: number;
}

/** What was asked for, of which servers. */
export interface Ledger {
  readonly accepted: readonly Accepted[];
  /** Servers whose creation was accepted, or may have been. */
  readonly servers: ReadonlySet<string>;
  readonly refused: number;
  readonly unanswered: number;
}

const member = 'alpha.member';
const admin = 'alpha.admin';

interface Wish {
  readonly weight: number;
  readonly ask: (user: User) => Promise<void>;
}
interface User {
  readonly act: (action: string, body: unknown, by?: string) => Promise<void>;
  readonly call: (action: string, method: 'POST' | 'DELETE', path: string, body?: unknown) => Promise<void>;
  readonly create: (count: number) => Promise<void>;
  readonly cloud: SimulatedCloud;
  readonly random: Random;
  /** A server that somebody knows; null while there is none. */
  readonly server: string | null;
}

const on =
  (action: string, body: unknown = null, by: string = member) =>
  (user: User): Promise<void> =>
    user.act(action, body, by);

/** What users want, and how often. */
const wishes: readonly Wish[] = [
  { weight: 16, ask: (user) => user.create(1) },
  { weight: 3, ask: (user) => user.create(user.random.between(2, 5)) },
  { weight: 9, ask: (user) => user.call('delete', 'DELETE', '') },
  { weight: 6, ask: on('os-stop') },
  { weight: 6, ask: on('os-start') },
  { weight: 4, ask: (user) => user.act('reboot', { type: user.random.pick(['SOFT', 'HARD']) }) },
  { weight: 2, ask: on('pause') },
  { weight: 3, ask: on('unpause') },
  { weight: 2, ask: on('suspend') },
  { weight: 3, ask: on('resume') },
  { weight: 3, ask: (user) => user.act('rebuild', { imageRef: user.cloud.imageId }) },
  { weight: 7, ask: (user) => user.act('resize', { flavorRef: user.random.pick(user.cloud.flavorIds) }) },
  { weight: 6, ask: on('confirmResize') },
  { weight: 5, ask: on('revertResize') },
  { weight: 4, ask: on('migrate', null, admin) },
  { weight: 7, ask: on('os-migrateLive', { host: null, block_migration: 'auto' }, admin) },
  { weight: 4, ask: on('shelve') },
  { weight: 2, ask: on('shelveOffload', null, admin) },
  { weight: 5, ask: on('unshelve') },
  { weight: 2, ask: on('rescue') },
  { weight: 3, ask: on('unrescue') },
  { weight: 2, ask: (user) => user.act('createImage', { name: 'image' }) },
  { weight: 2, ask: on('restore') },
  { weight: 2, ask: on('forceDelete') },
  { weight: 4, ask: (user) => user.call('attachInterface', 'POST', '/os-interface', { interfaceAttachment: {} }) },
  {
    weight: 3,
    ask: async (user) => {
      const ports = [...user.cloud.ports.values()].filter(({ deviceId }) => deviceId === user.server);
      if (ports.length > 0) await user.call('detachInterface', 'DELETE', `/os-interface/${user.random.pick(ports).id}`);
    },
  },
  {
    weight: 4,
    ask: async (user) => {
      const free = [...user.cloud.volumes.volumes.values()].find(({ status }) => status === 'available');
      const volume = free ?? user.cloud.volumes.make({ projectId: 'alpha' });
      await user.call('attachVolume', 'POST', '/os-volume_attachments', { volumeAttachment: { volumeId: volume.id } });
    },
  },
  {
    weight: 3,
    ask: async (user) => {
      const attached = [...user.cloud.volumes.attachments.values()].filter(({ serverId }) => serverId === user.server);
      if (attached.length > 0) await user.call('detachVolume', 'DELETE', `/os-volume_attachments/${user.random.pick(attached).volumeId}`);
    },
  },
];
const allWeights = wishes.reduce((sum, { weight }) => sum + weight, 0);

function someWish(random: Random): Wish {
  let left = random.next() * allWeights;
  return wishes.find(({ weight }) => (left -= weight) < 0) ?? wishes[0]!;
}

/** Users who want things of the cloud, at the same time and of the same servers, and do not wait for one another. */
export function workload(cloud: SimulatedCloud, random: Random, { trace }: Watcher) {
  const accepted: Accepted[] = [];
  const servers = new Set<string>();
  let [refused, unanswered, created] = [0, 0, 0];

  const ask = async (action: string, serverId: string | null, request: () => ReturnType<SimulatedCloud['ask']>) => {
    const answer = await request();
    trace(`user ${action} ${serverId ?? ''} ${answer?.status ?? 'unanswered'}`);
    if (answer === null) unanswered++;
    else if (answer.status >= 400) {
      refused++;
      if (answer.status >= 500 && answer.status !== 503) trace(`${answer.status} ${JSON.stringify(answer.body)}`);
    } else if (serverId !== null) accepted.push({ serverId, action, requestId: answer.requestId, at: cloud.clock.now() });
    return answer;
  };
  const userOf = (server: string | null): User => ({
    cloud,
    random,
    server,
    async act(action, body, by = member) {
      if (server !== null) await ask(action, server, () => cloud.ask(by, 'POST', `/servers/${server}/action`, { [action]: body }));
    },
    async call(action, method, path, body) {
      if (server !== null) await ask(action, server, () => cloud.ask(member, method, `/servers/${server}${path}`, body));
    },
    async create(count) {
      const server = { name: `vm-${++created}`, imageRef: cloud.imageId, flavorRef: random.pick(cloud.flavorIds), networks: 'auto' };
      const answer = await ask('create', null, () =>
        cloud.ask(member, 'POST', '/servers', { server: { ...server, min_count: count, max_count: count } }),
      );
      if (answer === null || answer.status >= 400) return;
      const id = String((answer.body as { server: { id: string } }).server.id);
      servers.add(id);
      accepted.push({ serverId: id, action: 'create', requestId: answer.requestId, at: cloud.clock.now() });
      const found = await findInstance(cloud.stores, id as never).catch(() => null);
      if (found === null || count === 1) return;
      // the others of the same request
      for (const { database } of cloud.stores.cells()) {
        const rows = await database
          .selectFrom('instances')
          .select('uuid')
          .where('reservation_id', '=', found.instance.reservationId)
          .orderBy('launch_index')
          .execute();
        for (const { uuid } of rows) servers.add(uuid);
      }
    },
  });
  return {
    get ledger(): Ledger {
      return { accepted, servers, refused, unanswered };
    },
    /** One user, who wants so many things. */
    async user(wants: number): Promise<void> {
      for (let wish = 0; wish < wants; wish++) {
        await cloud.clock.sleep(random.between(100, 20_000));
        const known = [...servers];
        const few = known.length < 3;
        // a server somebody else is busy with, more often than not
        const server = known.length === 0 ? null : random.chance(0.4) ? known.at(-1)! : random.pick(known);
        const { ask: wanted } = few ? wishes[0]! : someWish(random);
        await wanted(userOf(server));
      }
    },
    /** The operator: moves the servers of a host that is dead for good elsewhere. */
    async evacuate(host: string): Promise<void> {
      const answer = await ask(`force-down of ${host}`, null, () => forceDown(cloud, host, true));
      if (answer === null || answer.status >= 400) return;
      const { database } = cloud.stores.defaultCell;
      const rows = await database
        .selectFrom('instances')
        .select('uuid')
        .where('host', '=', host)
        .where('deleted_at', 'is', null)
        .orderBy('uuid')
        .execute();
      for (const { uuid } of rows) await ask('evacuate', uuid, () => cloud.ask(admin, 'POST', `/servers/${uuid}/action`, { evacuate: {} }));
    },
    /** The host is up again, as the operator sees it. */
    forgive: (host: string) => ask(`force-up of ${host}`, null, () => forceDown(cloud, host, false)),
  };
}

/** By the id that the API gives services. */
async function forceDown(cloud: SimulatedCloud, host: string, down: boolean): ReturnType<SimulatedCloud['ask']> {
  const services = await cloud.ask(admin, 'GET', '/os-services?binary=nova-compute');
  const found = (services?.body as { services?: { id: string; host: string }[] } | undefined)?.services?.find((each) => each.host === host);
  return found === undefined ? null : cloud.ask(admin, 'PUT', `/os-services/${found.id}`, { forced_down: down });
}

import { temporaryDatabase } from '../../../../test/support/database.ts';
import { readSettings, type Settings } from '../../../config/index.ts';
import { computeAgent, computeTopic } from '../../../contracts/compute.ts';
import { conductor, conductorTopic } from '../../../contracts/conductor.ts';
import { scheduler, schedulerTopic } from '../../../contracts/scheduler.ts';
import type { NodeFacts } from '../../../domain/hosts.ts';
import type { Instance } from '../../../domain/instance.ts';
import { internal } from '../../../lib/errors.ts';
import { randomIds } from '../../../lib/ids.ts';
import { silentLog } from '../../../lib/log.ts';
import { inProcessBus } from '../../../lib/rpc/in-process.ts';
import type { Contract, Handlers } from '../../../lib/rpc/contract.ts';
import { migrate, openDatabase } from '../../../lib/sql/database.ts';
import { createFlavor, type Flavor, type NewFlavor } from '../../../store/flavors.ts';
import { insertInstances, type NewInstance } from '../../../store/instances.ts';
import { mapInstances } from '../../../store/mappings.ts';
import { apiMigrations } from '../../../store/migrations/api.ts';
import { cellMigrations } from '../../../store/migrations/cell.ts';
import { mapHost, recordNodes, recordService } from '../../../store/services.ts';
import { openStores, type Stores } from '../../../store/stores.ts';
import { createApi } from '../start-api.ts';
import { fakeNeighbours, type Neighbours } from './neighbours.ts';
import { sampleFlavor, sampleInstance, sampleNodeFacts, sampleSpec } from '../../../../test/support/samples.ts';
import type { WireBody } from '../../../../test/support/wire-body.ts';

export interface Answer {
  readonly status: number;
  readonly body: WireBody;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface AskOptions {
  /** Default: 2.1. */
  readonly version?: string;
  readonly body?: unknown;
  /** The body as it stands. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Ask = (method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD' | 'PATCH', path: string, options?: AskOptions) => Promise<Answer>;

/** A Compute API that listens nowhere, on databases of its own. */
export interface ApiUnderTest extends AsyncDisposable {
  readonly stores: Stores;
  /** Everything that was said to the databases so far. */
  readonly statements: readonly string[];
  readonly settings: Settings;
  /** The services it asks, in memory; change them at will. */
  readonly neighbours: Neighbours;
  /** What was said on the bus. */
  readonly heard: { wakes: number; refreshes: number };
  /** Asks as `<project>.<role>` (a user of that name), or without a token. Paths are below `/v2.1`. */
  as(who: string | null): Ask;
  flavor(changes?: Partial<NewFlavor>): Promise<Flavor>;
  /** A compute host that is up, with one node of its name. */
  host(name: string, node?: Partial<NodeFacts>, agent?: Partial<Handlers<typeof computeAgent>>): Promise<NodeFacts>;
  /** A server that is there already, in cell1: active unless said otherwise. */
  server(changes?: Partial<NewInstance>): Promise<Instance>;
}

const nobody = (): Promise<never> => Promise.reject(internal('Nobody answers this in a test of the API.'));

/** One end of a contract of which only these methods are answered. */
const answering = <C extends Contract>(contract: C, given: Partial<Handlers<C>>): Handlers<C> => ({
  ...Object.fromEntries(Object.keys(contract.methods).map((method) => [method, nobody])),
  ...given,
});

const migrated = (migrations: typeof apiMigrations) => async (url: string) => {
  const database = openDatabase<unknown>(url);
  await migrate(database, migrations);
  await database.destroy();
};

export async function startApiUnderTest(conf = ''): Promise<ApiUnderTest> {
  const databases = await Promise.all([
    temporaryDatabase(migrated(apiMigrations), 'compute_api'),
    temporaryDatabase(migrated(cellMigrations), 'compute_cell'),
    temporaryDatabase(migrated(cellMigrations), 'compute_cell'),
  ]);
  const [apiDatabase, cell0, cell1] = databases;
  const statements: string[] = [];
  const stores = await openStores({
    api: apiDatabase.url,
    cell0: cell0.url,
    cell1: cell1.url,
    maxConnections: 4,
    onStatement: (text) => statements.push(text),
  });
  const { settings } = readSettings(conf);
  const bus = inProcessBus();
  const heard = { wakes: 0, refreshes: 0 };
  await bus.serve(
    conductorTopic,
    conductor,
    answering(conductor, { wake: () => Promise.resolve(void heard.wakes++), networkChanged: () => Promise.resolve() }),
  );
  await bus.serve(schedulerTopic, scheduler, answering(scheduler, { refresh: () => Promise.resolve(void heard.refreshes++) }));
  const neighbours = fakeNeighbours();
  const { identity, image, network, placement, share, volume } = neighbours.clients;
  const app = createApi({
    stores,
    identity,
    image,
    network,
    volume,
    share,
    placement,
    settings,
    clock: { now: () => Date.now(), sleep: () => Promise.resolve() },
    ids: randomIds,
    log: silentLog,
    conductor: bus.client(conductorTopic, conductor),
    scheduler: bus.client(schedulerTopic, scheduler),
    agentOn: (host) => bus.client(computeTopic(host), computeAgent),
    policyOverrides: {},
    host: '127.0.0.1',
    port: 0,
  });
  await app.ready();
  let flavors = 0;
  const numbered = () => ({ flavorId: `f${++flavors}`, name: `f${flavors}` });
  return {
    stores,
    statements,
    settings,
    neighbours,
    heard,
    as:
      (who) =>
      async (method, path, { version, body, text, headers = {} } = {}) => {
        const payload = text ?? (body === undefined ? undefined : JSON.stringify(body));
        const answer = await app.inject({
          method,
          url: /^\/(v2|kilonova\/|$)/.test(path) ? path : `/v2.1${path}`,
          headers: {
            accept: 'application/json',
            ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
            ...(who === null ? {} : { 'x-auth-token': who }),
            ...(version === undefined ? {} : { 'openstack-api-version': `compute ${version}` }),
            ...headers,
          },
          ...(payload === undefined ? {} : { payload }),
        });
        return {
          status: answer.statusCode,
          headers: answer.headers,
          body: answer.payload === '' ? undefined : (JSON.parse(answer.payload) as unknown),
        };
      },
    flavor: (changes = {}) => createFlavor(stores.api, { ...sampleFlavor(), ...numbered(), description: null, ...changes }),
    async host(name, node = {}, agent = {}) {
      const facts = sampleNodeFacts({ name, ...node });
      const database = stores.defaultCell.database;
      await mapHost(stores, name, stores.defaultCell.id);
      await recordService(database, {
        uuid: randomIds.uuid(),
        host: name,
        binary: 'nova-compute',
        topic: 'compute',
        version: 1,
        enabled: true,
      });
      await recordNodes(database, name, [facts]);
      neighbours.providers.set(facts.uuid, { generation: 0, aggregates: [], traits: [] });
      await bus.serve(computeTopic(name), computeAgent, answering(computeAgent, agent));
      return facts;
    },
    async server(changes = {}) {
      const instance = sampleInstance(changes);
      const { flavor, image: ofImage, projectId, userId } = instance;
      const spec = sampleSpec({ projectId, userId, flavor, image: ofImage });
      await mapInstances(stores.api, [{ instanceId: instance.id, projectId, userId, cellId: stores.defaultCell.id, spec }]);
      const [inserted] = await insertInstances(stores.defaultCell.database, [instance]);
      return inserted!;
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await bus.close();
      await stores.close();
      await Promise.all(databases.map((database) => database.drop()));
    },
  };
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDatabase, type TemporaryDatabase } from '../../../test/support/database.ts';
import { readSettings } from '../../config/index.ts';
import { exampleMetadata } from '../../domain/metadata/example-metadata.ts';
import type { PlacedDevice } from '../../domain/metadata/tagged-devices.ts';
import { silentLog } from '../../lib/log.ts';
import { randomIds } from '../../lib/ids.ts';
import { insertInstances, type NewInstance } from '../../store/instances.ts';
import { openStores, type Stores } from '../../store/stores.ts';
import { storeMetadataSource } from './store-source.ts';
import { sampleInstance } from '../../../test/support/samples.ts';

let databases: TemporaryDatabase[];
let stores: Stores;
beforeAll(async () => {
  databases = await Promise.all(['api', 'cell0', 'cell1'].map((name) => temporaryDatabase(() => Promise.resolve(), `metadata_${name}`)));
  const [api, cell0, cell1] = databases.map(({ url }) => url);
  stores = await openStores({ api: api!, cell0: cell0!, cell1: cell1! });
});
afterAll(async () => {
  await stores.close();
  await Promise.all(databases.map((database) => database.drop()));
});

/** An instance in a cell, with the interfaces of the example. */
async function insert(changes: Partial<NewInstance> = {}): Promise<NewInstance> {
  const { name, hostname, networkInfo, metadata, userData, publicKey, securityGroups } = exampleMetadata;
  const described = { name, hostname, networkInfo, metadata, userData, publicKey, securityGroups };
  const instance = sampleInstance({ userId: 'u', host: 'h', node: 'h', systemMetadata: { kept: 'yes' }, ...described, ...changes });
  const cellId = stores.defaultCell.id;
  await stores.api
    .insertInto('instance_mappings')
    .values({ instance_id: instance.id, project_id: 'alpha', user_id: 'u', cell_id: cellId })
    .execute();
  await insertInstances(stores.cell(cellId), [instance]);
  return instance;
}

const places: PlacedDevice[] = [];
const source = (conf = '') =>
  storeMetadataSource({
    stores,
    settings: readSettings(conf).settings,
    agentOn: (host) => ({ placedDevices: async () => (host === 'h' ? { devices: places } : Promise.reject(new Error('no answer'))) }),
    log: silentLog,
  });

describe('metadata from the store', () => {
  it('tells where devices with tags are, as their host says it', async () => {
    const networkInfo = exampleMetadata.networkInfo.map((vif) => ({ ...vif, tag: 'outside', subnets: [] })).slice(0, 1);
    const mac = networkInfo[0]!.macAddress;
    places.splice(0, 1, { type: 'nic', mac, bus: 'pci', address: '0000:00:03.0' });
    const [here, away] = [await insert({ host: 'h', networkInfo }), await insert({ host: 'silent', networkInfo })];
    const told = async (id: string) => (await source().byInstanceId(id))?.devices;
    expect(await told(here.id)).toMatchObject([{ mac, tags: ['outside'], address: '0000:00:03.0' }]);
    expect(await told(away.id)).toMatchObject([{ mac, tags: ['outside'], address: null }]);
  });

  it('is found by id, and by address as long as one instance has it', async () => {
    const { id } = await insert();
    expect(await source().byInstanceId(id)).toMatchObject({
      instanceId: id,
      projectId: 'alpha',
      domain: 'novalocal',
      adminPass: null,
      vendorData: { static: {} },
      networkInfo: exampleMetadata.networkInfo,
    });
    expect((await source().byAddress('10.0.0.5'))?.instanceId).toBe(id);
    expect((await source().byAddress('2001:db8::5'))?.instanceId).toBe(id);
    expect(await source().byAddress('172.24.4.7')).toBeNull(); // a floating one
    await insert();
    expect(await source().byAddress('10.0.0.5')).toBeNull();
    expect(await source().byInstanceId(randomIds.uuid())).toBeNull();
  });

  it('of a deleted instance is gone (H4)', async () => {
    const { id } = await insert({ deletedAt: '2026-01-01T00:00:00.000Z' });
    expect(await source().byInstanceId(id)).toBeNull();
  });

  it('keeps one password, beside what was there', async () => {
    const { id } = await insert();
    const answers = await Promise.allSettled([source().savePassword(id, 'a'.repeat(600)), source().savePassword(id, 'b'.repeat(600))]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['fulfilled', 'rejected']);
    expect((await source().byInstanceId(id))?.password).toMatch(/^(a{600}|b{600})$/);
    const row = await stores
      .cell(stores.defaultCell.id)
      .selectFrom('instances')
      .select('system_metadata')
      .where('uuid', '=', id)
      .executeTakeFirstOrThrow();
    expect(row.system_metadata).toMatchObject({ kept: 'yes', password_3: '' });
    await expect(source().savePassword(randomIds.uuid(), 'x')).rejects.toMatchObject({ kind: 'notFound' });
  });

  it('has the operator’s vendor data, and refuses to start with a file that is none', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vendor-data-'));
    const path = join(directory, 'vendor.json');
    const withFile = () => source(`[api]\nvendordata_jsonfile_path = ${path}\n`);
    expect(withFile).toThrow('vendordata_jsonfile_path');
    await writeFile(path, '[1]');
    expect(withFile).toThrow('must hold a JSON object');
    await writeFile(path, '{"site": "a"}');
    const { id } = await insert();
    expect((await withFile().byInstanceId(id))?.vendorData.static).toEqual({ site: 'a' });
    await rm(directory, { recursive: true });
  });
});

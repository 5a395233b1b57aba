import { createServer, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { readSettings } from '../../config/index.ts';
import { exampleMetadata } from '../../domain/metadata/example-metadata.ts';
import { silentLog } from '../../lib/log.ts';
import { startMetadata, type MetadataService } from './start-metadata.ts';

let service: MetadataService | null = null;
let vendor: Server | null = null;
afterEach(async () => {
  await service?.stop();
  await new Promise((resolve) => (vendor === null ? resolve(null) : vendor.close(resolve)));
  vendor = null;
});

/** A service of the operator, and the metadata service that asks it. */
async function started(answer: { readonly status?: number; readonly text: string }, conf = '', providers = 'StaticJSON,DynamicJSON') {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(answer.status ?? 200).end(answer.text);
    });
  });
  vendor = server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  service = await startMetadata({
    source: {
      byInstanceId: async () => null,
      byAddress: async () => ({ ...exampleMetadata, vendorData: { static: { site: 'a' }, dynamic: {} } }),
      savePassword: async () => undefined,
    },
    clock: { now: () => 1_000_000, sleep: async () => undefined },
    settings: readSettings(
      `[api]\nvendordata_providers = ${providers}\nvendordata_dynamic_targets = rack@http://127.0.0.1:${port}/ask,nameless,rack@http://other\n${conf}`,
    ).settings,
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
  });
  const { url } = service;
  const get = async (name: string) => {
    const response = await fetch(`${url}/openstack/latest/${name}`);
    const text = await response.text();
    return response.status === 200 ? (JSON.parse(text) as unknown) : response.status;
  };
  return { asked, get };
}

test('services of the operator say what a guest is to know, once while its metadata is kept', async () => {
  const { asked, get } = await started({ text: '{"place": 4}' });
  const { projectId, instanceId, userData, hostname, metadata } = exampleMetadata;
  expect([await get('vendor_data2.json'), await get('vendor_data2.json')]).toEqual(
    [1, 2].map(() => ({ rack: { place: 4 }, static: { site: 'a' } })),
  );
  expect(await get('vendor_data.json')).toEqual({ site: 'a' });
  expect(asked).toEqual([
    {
      'project-id': projectId,
      'instance-id': instanceId,
      'image-id': exampleMetadata.imageId ?? null,
      'user-data': userData,
      hostname,
      metadata,
      'boot-roles': '',
    },
  ]);
});

test.each([[{ status: 500, text: 'no' }], [{ text: 'no JSON' }], [{ text: `"${'x'.repeat(1_100_000)}"` }]])(
  'what a service fails to say is left out: %#',
  async (answer) => {
    const { get } = await started(answer);
    expect(await get('vendor_data2.json')).toEqual({ rack: {}, static: { site: 'a' } });
  },
);

test('or the guest is refused, where that is asked for', async () => {
  const { get } = await started({ status: 500, text: '' }, 'vendordata_dynamic_failure_fatal = True');
  expect([typeof (await get('vendor_data2.json')), await get('vendor_data.json')]).toEqual(['number', { site: 'a' }]);
});

test('nobody is asked unless the provider is on', async () => {
  const { asked, get } = await started({ text: '{}' }, '', 'StaticJSON');
  expect([await get('vendor_data2.json'), asked]).toEqual([{ static: { site: 'a' } }, []]);
});

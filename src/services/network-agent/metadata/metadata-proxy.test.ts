import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../../lib/log.ts';
import { startMetadataProxy } from './metadata-proxy.ts';
import { proxyConfig } from './proxy-config.ts';

const directory = mkdtempSync(join(tmpdir(), 'metadata-proxy-'));
const socketPath = join(directory, 'metadata', 'agent.sock');
const asked: { method: string | undefined; url: string | undefined; headers: IncomingHttpHeaders; body: string }[] = [];
const service = createServer((call, response) => {
  let body = '';
  call.on('data', (chunk: Buffer) => (body += chunk.toString()));
  call.on('end', () => {
    asked.push({ method: call.method, url: call.url, headers: call.headers, body });
    response.writeHead(call.url === '/none' ? 404 : 200, { 'x-told': 'yes' }).end('told');
  });
});
let proxy: Awaited<ReturnType<typeof startMetadataProxy>>;

beforeAll(async () => {
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const address = service.address();
  proxy = await startMetadataProxy({
    socketPath,
    mayConnect: { name: 'self', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    metadataUrl: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    sharedSecret: 'key',
    findOwner: (network, guest) => (network === 'net' && guest === '10.0.0.3' ? { deviceId: 'server', projectId: 'project' } : null),
    log: silentLog,
  });
});
afterAll(async () => {
  await proxy.stop();
  service.closeAllConnections();
  await new Promise((resolve) => service.close(resolve));
  rmSync(directory, { recursive: true });
});

const ask = (
  path: string,
  headers: Record<string, string>,
  options: { readonly method?: string; readonly body?: string } = {},
): Promise<{ status: number | undefined; text: string; told: unknown }> =>
  new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method: options.method ?? 'GET', headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode, text, told: response.headers['x-told'] }));
    });
    call.on('error', reject);
    call.end(options.body);
  });
const known = { 'x-kilonova-network-id': 'net', 'x-forwarded-for': '10.0.0.3' };

describe('the metadata proxy', () => {
  it('asks in the name of the server behind the address, signed, and drops what the guest claims', async () => {
    expect(
      await ask('/openstack?x=1', {
        ...known,
        'x-instance-id': 'other',
        'x-tenant-id': 'other',
        'x-instance-id-signature': 'other',
        'x-metadata-provider': 'other',
        'x-auth-token': 'other',
        'user-agent': 'curl',
      }),
    ).toEqual({ status: 200, text: 'told', told: 'yes' });
    const { url, headers } = asked.at(-1) ?? {};
    expect([
      url,
      headers?.['x-instance-id'],
      headers?.['x-tenant-id'],
      headers?.['x-forwarded-for'],
      headers?.['x-instance-id-signature'],
      headers?.['user-agent'],
    ]).toEqual([
      '/openstack?x=1',
      'server',
      'project',
      '10.0.0.3',
      '50f909213d90ed87b62b7b1a3081d11c0daf98f93bcdec2be25a375595172683',
      'curl',
    ]);
    expect([headers?.['x-metadata-provider'], headers?.['x-auth-token'], headers?.['x-kilonova-network-id']]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('passes on what is written and what is answered', async () => {
    expect(await ask('/none', known, { method: 'POST', body: 'password' })).toMatchObject({ status: 404, text: 'told' });
    expect(asked.at(-1)).toMatchObject({ method: 'POST', body: 'password' });
  });

  it('knows nobody under another address or on another network, and takes no long bodies', async () => {
    const before = asked.length;
    expect([
      (await ask('/', { ...known, 'x-forwarded-for': '10.0.0.4' })).status,
      (await ask('/', { ...known, 'x-kilonova-network-id': 'other' })).status,
      (await ask('/', {})).status,
      (await ask('/', known, { method: 'POST', body: 'x'.repeat(70_000) })).status,
    ]).toEqual([404, 404, 404, 413]);
    expect(asked.length).toBe(before);
  });

  it('is fed by a proxy that throws away what guests say of themselves', async () => {
    await expect(
      proxyConfig({ networkId: '11111111-1111-4111-8111-111111111111', socketPath: '/run/x/agent.sock', user: 'haproxy' }),
    ).toMatchFileSnapshot('golden/haproxy.cfg');
  });
});

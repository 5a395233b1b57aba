import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ShareClient } from './share.ts';
import { createShareClient } from './share-http.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly body: unknown;
}
let asked: Asked[] = [];
let answer: (request: Asked) => { readonly status?: number; readonly body?: unknown } = () => ({});
const manila = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString();
    const { method = '', url = '', headers } = request;
    const each = { method, path: url, token: String(headers['x-auth-token']), body: text === '' ? null : (JSON.parse(text) as unknown) };
    asked.push(each);
    const { status = 200, body = {} } = headers['x-openstack-manila-api-version'] === '2.82' ? answer(each) : { status: 406 };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
});
let client: ShareClient & { close(): Promise<void> };
const user = { token: async () => 'user' };
beforeAll(async () => {
  await new Promise<void>((resolve) => manila.listen(0, '127.0.0.1', resolve));
  const address = manila.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  client = createShareClient({
    endpoints: { url: async () => `http://127.0.0.1:${port}/v2` },
    serviceSession: { token: async () => 'nova' },
  });
});
afterAll(async () => {
  await client.close();
  await new Promise((resolve) => manila.close(resolve));
});
beforeEach(() => {
  asked = [];
});

const access = { type: 'ip', to: '10.0.0.1' } as const;
const rule = { id: 'r', access_type: 'ip', access_to: '10.0.0.1', state: 'active' };

test('a share is shown to its user with the path it prefers', async () => {
  answer = ({ path }) =>
    path.endsWith('export_locations')
      ? { body: { export_locations: [{ path: 'a:/x' }, { path: 'b:/x', preferred: true }] } }
      : { body: { share: { id: 's', status: 'available', share_proto: 'NFS' } } };
  expect(await client.show(user, 's')).toEqual({ id: 's', status: 'available', protocol: 'NFS', exportLocation: 'b:/x' });
  expect(asked.map(({ path, token }) => [path, token])).toEqual([
    ['/v2/shares/s', 'user'],
    ['/v2/shares/s/export_locations', 'user'],
  ]);
  answer = () => ({ status: 404 });
  await expect(client.show(user, 's')).rejects.toMatchObject({ kind: 'notFound' });
});

test('access is given once, in the service’s name and locked', async () => {
  answer = ({ method }) => (method === 'GET' ? { body: { access_list: [] } } : { body: { access: rule } });
  await client.allow('s', access);
  expect(asked.map(({ method, path, token, body }) => [method, path, token, body])).toEqual([
    ['GET', '/v2/share-access-rules?share_id=s', 'nova', null],
    [
      'POST',
      '/v2/shares/s/action',
      'nova',
      {
        allow_access: {
          access_type: 'ip',
          access_to: '10.0.0.1',
          access_level: 'rw',
          lock_visibility: true,
          lock_deletion: true,
          lock_reason: 'Lock by nova',
        },
      },
    ],
  ]);
  asked = [];
  answer = () => ({ body: { access_list: [rule] } });
  await client.allow('s', access);
  expect([asked.length, await client.isAllowed('s', access)]).toEqual([1, true]);
});

test.each([
  ['queued_to_apply', false],
  ['error', null],
])('access in state %s is %s', async (state, allowed) => {
  answer = () => ({ body: { access_list: [{ ...rule, state }] } });
  expect([await client.isAllowed('s', access), await client.isAllowed('s', { ...access, to: '10.0.0.2' })]).toEqual([allowed, null]);
});

test('access is taken away, and was not there when there is no share', async () => {
  answer = ({ method }) => (method === 'GET' ? { body: { access_list: [rule] } } : { status: 202 });
  await client.deny('s', access);
  expect(asked.at(-1)?.body).toEqual({ deny_access: { access_id: 'r', unrestrict: true } });
  answer = () => ({ status: 404 });
  await client.deny('s', access);
});

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConsoleAddress } from '../../../../contracts/compute.ts';
import { conflict, invalid, notFound, unavailable, unsupported, type KilonovaError } from '../../../../lib/errors.ts';
import { forgetConsoleTokens, forgetExpiredConsoleTokens } from '../../../../store/console-tokens.ts';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';
import { accessUrl } from './create-console.ts';

let api: ApiUnderTest;
/** What the host answers, and what it was asked. */
let answer: (ConsoleAddress & { readonly failure?: undefined }) | { readonly failure: KilonovaError };
let asked: unknown[] = [];
const address: ConsoleAddress = {
  host: '192.0.2.7',
  port: 5901,
  tlsPort: null,
  internalAccessPath: null,
  accessUrlBase: 'http://proxy:6080/vnc_auto.html',
};

beforeAll(async () => {
  api = await startApiUnderTest('[consoleauth]\ntoken_ttl = 60\n');
  await api.host(
    'host-1',
    {},
    {
      console: (wanted) => {
        asked.push(wanted);
        return answer.failure === undefined ? Promise.resolve(answer) : Promise.reject(answer.failure);
      },
    },
  );
});
beforeEach(() => {
  answer = address;
  asked = [];
});
afterAll(() => api[Symbol.asyncDispose]());

const create = (id: string, body: object, version = '2.104', who = 'alpha.member') =>
  api.as(who)('POST', `/servers/${id}/remote-consoles`, { version, body: { remote_console: body } });
const act = (id: string, body: object, version = '2.1') => api.as('alpha.member')('POST', `/servers/${id}/action`, { version, body });
const show = (token: string, version = '2.99') => api.as('alpha.admin')('GET', `/os-console-auth-tokens/${token}`, { version });
const open = (token: unknown, who = 'nova.service') => api.as(who)('POST', '/kilonova/v1/console-sessions', { body: { token } });
const tokenIn = (url: string): string => /token(?:=|%3D)([0-9a-f-]{36})/.exec(url)?.[1] ?? '';

describe('a console', () => {
  test('is given as a URL with a token, of which only the hash is kept', async () => {
    const { id } = await api.server();
    const { status, body } = await create(id, { protocol: 'vnc', type: 'novnc' });
    const token = tokenIn(body.remote_console.url);
    expect([status, body]).toEqual([
      200,
      { remote_console: { protocol: 'vnc', type: 'novnc', url: `http://proxy:6080/vnc_auto.html?path=%3Ftoken%3D${token}` } },
    ]);
    expect(asked).toEqual([{ instanceId: id, protocol: 'vnc', type: 'novnc' }]);
    const rows = await api.stores.defaultCell.database
      .selectFrom('console_auth_tokens')
      .selectAll()
      .where('instance_id', '=', id)
      .execute();
    expect(rows).toMatchObject([
      {
        token_hash: createHash('sha256').update(token).digest('hex'),
        console_type: 'novnc',
        compute_host: 'host-1',
        host: '192.0.2.7',
        port: 5901,
      },
    ]);
    expect(JSON.stringify(rows)).not.toContain(token);
    const lives = Date.parse(rows[0]!.expires_at) - Date.now();
    expect(lives > 50_000 && lives <= 60_000).toBe(true);
  });

  test.each([
    ['os-getVNCConsole', 'novnc', 'vnc', '?path=%3Ftoken%3D'],
    ['os-getSPICEConsole', 'spice-html5', 'spice', '?token='],
    ['os-getSerialConsole', 'serial', 'serial', '?token='],
  ])('of %s is the same, until 2.5', async (action, type, protocol, query) => {
    const { id } = await api.server();
    answer = { ...address, accessUrlBase: 'http://proxy/page' };
    const { status, body } = await act(id, { [action]: { type } }, '2.5');
    expect([status, body]).toEqual([200, { console: { type, url: `http://proxy/page${query}${tokenIn(body.console.url)}` } }]);
    expect(asked).toEqual([{ instanceId: id, protocol, type }]);
    expect((await act(id, { [action]: { type } }, '2.6')).status).toBe(404);
  });

  test('keeps what its page is given besides', () => {
    expect(accessUrl('https://c/vnc.html?resize=scale&path=websockify', 'novnc', 'T')).toBe(
      'https://c/vnc.html?resize=scale&path=websockify%3Ftoken%3DT',
    );
    expect(accessUrl('ws://c:6083/', 'serial', 'T')).toBe('ws://c:6083/?token=T');
  });

  test.each([
    ['2.5', { protocol: 'vnc', type: 'novnc' }, 404],
    ['2.7', { protocol: 'mks', type: 'webmks' }, 400],
    ['2.8', { protocol: 'mks', type: 'webmks' }, 200],
    ['2.98', { protocol: 'spice', type: 'spice-direct' }, 400],
    ['2.99', { protocol: 'spice', type: 'spice-direct' }, 200],
    ['2.6', { protocol: 'vnc', type: 'serial' }, 200], // whether it fits is the host's to say
    ['2.6', { protocol: 'vnc' }, 400],
    ['2.6', { protocol: 'vnc', type: 'novnc', more: 1 }, 400],
    ['2.6', { protocol: 'x', type: 'novnc' }, 400],
  ])('at %s of %j is answered %i', async (version, body, status) => {
    const { id } = await api.server();
    expect((await create(id, body, version)).status).toBe(status);
  });

  test('over RDP is not to be had at all', async () => {
    const { id } = await api.server();
    expect(await create(id, { protocol: 'rdp', type: 'rdp-html5' })).toMatchObject({
      status: 400,
      body: { badRequest: { message: 'Unavailable console type rdp.' } },
    });
    expect((await act(id, { 'os-getRDPConsole': { type: 'rdp-html5' } })).status).toBe(400);
    expect(asked).toEqual([]);
  });

  test.each([
    [invalid('Unavailable console type novnc.'), 400, 'badRequest', 'Unavailable console type novnc.'],
    [unsupported('The requested functionality is not supported.'), 501, 'notImplemented', 'The requested functionality is not supported.'],
    [conflict('It is off.'), 409, 'conflictingRequest', 'Instance {id} is not ready'],
    [notFound('No guest.'), 404, 'itemNotFound', 'Instance {id} could not be found.'],
    [unavailable('Nobody there.'), 409, 'conflictingRequest', 'The compute service of instance {id} is unavailable at this time.'],
  ])('that the host refuses (%s) is refused', async (failure, status, key, message) => {
    const { id } = await api.server();
    answer = { failure };
    expect(await create(id, { protocol: 'vnc', type: 'novnc' })).toMatchObject({
      status,
      body: { [key]: { code: status, message: message.replace('{id}', id) } },
    });
  });

  test('of a server that has no host yet, or is still being made on it, is refused until it is ready', async () => {
    const nowhere = await api.server({ host: null, node: null, vmState: 'building' });
    const early = await api.server({ vmState: 'building' });
    answer = { failure: notFound('No guest.') };
    for (const { id } of [nowhere, early]) {
      expect(await create(id, { protocol: 'vnc', type: 'novnc' })).toMatchObject({
        status: 409,
        body: { conflictingRequest: { message: `Instance ${id} is not ready` } },
      });
    }
  });

  test.each(['deleting', 'migrating'] as const)('of a server that is %s is refused', async (taskState) => {
    const { id } = await api.server({ taskState });
    expect(await create(id, { protocol: 'serial', type: 'serial' })).toMatchObject({
      status: 409,
      body: { conflictingRequest: { message: `Cannot 'get_serial_console' instance ${id} while it is in task_state ${taskState}` } },
    });
  });

  test('of another project’s server is not found', async () => {
    const { id } = await api.server();
    expect((await create(id, { protocol: 'vnc', type: 'novnc' }, '2.6', 'beta.member')).status).toBe(404);
  });
});

describe('a console token', () => {
  const made = async (protocol: string, type: string, where: Partial<ConsoleAddress> = {}) => {
    const server = await api.server();
    answer = { ...address, ...where };
    return { server, token: tokenIn((await create(server.id, { protocol, type })).body.remote_console.url) };
  };

  test('is shown to administrators, since 2.31', async () => {
    const { server, token } = await made('vnc', 'novnc', { tlsPort: 5902 });
    const shown = { instance_uuid: server.id, host: '192.0.2.7', port: 5901, internal_access_path: null };
    expect([(await show(token, '2.30')).status, (await show(token, '2.31')).body, (await show(token, '2.99')).body]).toEqual([
      400,
      { console: shown },
      { console: shown },
    ]);
    expect((await api.as('alpha.member')('GET', `/os-console-auth-tokens/${token}`, { version: '2.31' })).status).toBe(403);
    expect([(await show(`${token}?x=1`, '2.98')).status, (await show(`${token}?x=1`, '2.99')).status]).toEqual([200, 400]);
  });

  test('of a native SPICE client has the port for TLS, since 2.99', async () => {
    const { server, token } = await made('spice', 'spice-direct', { tlsPort: 5902 });
    const shown = { instance_uuid: server.id, host: '192.0.2.7', port: 5901, internal_access_path: null };
    expect([(await show(token, '2.98')).body, (await show(token, '2.99')).body]).toEqual([
      { console: shown },
      { console: { ...shown, tls_port: 5902 } },
    ]);
  });

  test('that is unknown or has expired is not found', async () => {
    const { token } = await made('vnc', 'novnc');
    const unknown = { status: 404, body: { itemNotFound: { code: 404, message: 'Token not found' } } };
    expect(await show('no-token')).toMatchObject(unknown);
    await api.stores.defaultCell.database
      .updateTable('console_auth_tokens')
      .set({ expires_at: new Date(Date.now() - 1) })
      .execute();
    expect(await show(token)).toMatchObject(unknown);
    expect((await open(token)).status).toBe(404);
  });

  test('that has expired is removed, and that of a server that goes', async () => {
    const { database } = api.stores.defaultCell;
    const [expired, gone, good] = [await made('vnc', 'novnc'), await made('vnc', 'novnc'), await made('vnc', 'novnc')];
    await database
      .updateTable('console_auth_tokens')
      .set({ expires_at: new Date(Date.now() - 1) })
      .where('instance_id', '=', expired.server.id)
      .execute();
    await forgetExpiredConsoleTokens(database, Date.now());
    await forgetConsoleTokens(database, gone.server.id);
    const left = await database.selectFrom('console_auth_tokens').select('instance_id').execute();
    const ids = left.map((row) => row.instance_id);
    expect([expired, gone, good].map(({ server }) => ids.includes(server.id))).toEqual([false, false, true]);
  });

  test('opens its console for proxies, as long as it is where it was', async () => {
    const { server, token } = await made('vnc', 'novnc');
    const opened = await open(token);
    expect(opened).toMatchObject({
      status: 200,
      body: { consoleType: 'novnc', instanceId: server.id, host: '192.0.2.7', port: 5901, accessUrlBase: address.accessUrlBase },
    });
    expect((await open(token)).status).toBe(200);
    answer = { ...address, port: 5999 };
    expect((await open(token)).status).toBe(404);
    answer = { failure: conflict('It is off.') };
    expect((await open(token)).status).toBe(404);
    answer = { failure: unavailable('Nobody there.') };
    expect((await open(token)).status).toBe(503);
    answer = address;
    expect((await open(token)).status).toBe(200);
    await api.stores.defaultCell.database.updateTable('instances').set({ host: 'host-2' }).where('uuid', '=', server.id).execute();
    expect((await open(token)).status).toBe(404);
    await api.stores.defaultCell.database
      .updateTable('instances')
      .set({ host: 'host-1', deleted_at: new Date() })
      .where('uuid', '=', server.id)
      .execute();
    expect((await open(token)).status).toBe(404);
  });

  test.each([
    ['alpha.member', 'x', 403],
    ['alpha.admin', 'x', 404],
    ['nova.service', '', 400],
    ['nova.service', 7, 400],
    ['nova.service', 'a'.repeat(256), 400],
    ['nova.service', `'; DROP TABLE console_auth_tokens; --`, 404],
  ])('as %s: %j is answered %i', async (who, token, status) => {
    expect((await open(token, who)).status).toBe(status);
  });
});

import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { readSettings } from '../../config/index.ts';
import { exampleMetadata } from '../../domain/metadata/example-metadata.ts';
import type { InstanceMetadata } from '../../domain/metadata/instance-metadata.ts';
import { conflict } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { startMetadata, type MetadataService } from './start-metadata.ts';

/** Instances by id and by address, and the time, all of which tests change at will. */
function cloud() {
  const byId = new Map<string, InstanceMetadata>([[exampleMetadata.instanceId, exampleMetadata]]);
  const byAddress = new Map<string, InstanceMetadata>();
  const state = { now: 1_000_000, looks: 0, fails: false };
  const looked = <T>(value: T): T => {
    state.looks++;
    if (state.fails) throw new Error('the database is away: secret-of-it');
    return value;
  };
  const source = {
    byInstanceId: async (id: string) => looked(byId.get(id) ?? null),
    byAddress: async (address: string) => looked(byAddress.get(address) ?? null),
    byProviderAddress: async (provider: string, address: string) =>
      looked(provider === 'lb-1' && address === '10.0.0.5' ? exampleMetadata : null),
    async savePassword(id: string, password: string) {
      const instance = byId.get(id)!;
      if (instance.password !== '') throw conflict('There is a password already.');
      byId.set(id, { ...instance, password });
    },
  };
  return { byId, byAddress, state, source, clock: { now: () => state.now, sleep: async () => undefined } };
}

const secret = 'shared';
const proxied = `[neutron]\nservice_metadata_proxy = True\nmetadata_proxy_shared_secret = ${secret}\n`;
const sign = (text: string, key = secret): string => createHmac('sha256', key).update(text).digest('hex');
const { instanceId } = exampleMetadata;
const signed = {
  'X-Instance-ID': instanceId,
  'X-Tenant-ID': 'alpha',
  'X-Instance-ID-Signature': sign(instanceId),
  'X-Forwarded-For': '10.0.0.77',
};

let running: MetadataService | null = null;
afterEach(() => running?.stop());
async function started(conf: string, parts = cloud()) {
  running = await startMetadata({
    source: parts.source,
    clock: parts.clock,
    settings: readSettings(conf).settings,
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
  });
  const { url } = running;
  const get = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
    const answer = await fetch(`${url}${path}`, { ...init, headers });
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text(), headers: answer.headers };
  };
  return { ...parts, get };
}

/** The status of a path that is sent as it stands: fetch would straighten it first. */
const statusOfRaw = (path: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: running?.port, path, headers: signed }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });

describe('by address', () => {
  it('answers the instance that has the address of the connection, and 404 to others', async () => {
    const { get, byAddress } = await started('');
    expect((await get('/latest/meta-data/instance-id')).status).toBe(404);
    byAddress.set('127.0.0.1', exampleMetadata);
    expect(await get('/latest/meta-data/instance-id')).toMatchObject({ status: 200, text: 'i-00000011', type: 'text/plain' });
  });

  it('believes no header (H1)', async () => {
    const { get, byAddress } = await started('');
    byAddress.set('10.0.0.5', exampleMetadata);
    for (const headers of [
      signed,
      { 'X-Forwarded-For': '10.0.0.5' },
      { 'X-Real-IP': '10.0.0.5' },
      { Forwarded: 'for=10.0.0.5' },
      { 'X-Metadata-Provider': 'lb-1', 'X-Forwarded-For': '10.0.0.5' },
    ]) {
      expect((await get('/latest/meta-data/', headers as Record<string, string>)).status).toBe(404);
    }
  });
});

describe('through the proxy', () => {
  it('answers the instance that is signed for', async () => {
    const { get } = await started(proxied);
    expect(await get('/openstack/latest/meta_data.json', signed)).toMatchObject({ status: 200, type: 'application/json' });
    expect(await get('/openstack', signed)).toMatchObject({ status: 200, type: 'text/plain' });
    expect((await get('/openstack/latest/user_data', signed)).text).toContain('#!/bin/sh');
  });

  it.each<[string, Record<string, string | undefined>, number, string]>([
    ['without id', { 'X-Instance-ID': undefined }, 400, 'X-Instance-ID header is missing from request.'],
    ['without signature', { 'X-Instance-ID-Signature': undefined }, 400, 'X-Instance-ID-Signature header is missing from request.'],
    ['without project', { 'X-Tenant-ID': undefined }, 400, 'X-Tenant-ID header is missing from request.'],
    ['with another key', { 'X-Instance-ID-Signature': sign(instanceId, 'wrong') }, 403, 'Invalid proxy request signature.'],
    [
      'with a signature in capitals',
      { 'X-Instance-ID-Signature': sign(instanceId).toUpperCase() },
      403,
      'Invalid proxy request signature.',
    ],
    ['with half a signature', { 'X-Instance-ID-Signature': sign(instanceId).slice(0, 32) }, 403, 'Invalid proxy request signature.'],
    [
      "with another's signature (H2)",
      { 'X-Instance-ID-Signature': sign('0d1a1f2c-1111-4222-8333-944445555666') },
      403,
      'Invalid proxy request signature.',
    ],
    ['with another project (H2)', { 'X-Tenant-ID': 'beta' }, 404, 'could not be found'],
    [
      'with an unknown instance',
      { 'X-Instance-ID': '0d1a1f2c-1111-4222-8333-944445555666', 'X-Instance-ID-Signature': sign('0d1a1f2c-1111-4222-8333-944445555666') },
      404,
      'could not be found',
    ],
    ['with an id that is none', { 'X-Instance-ID': "' OR 1=1", 'X-Instance-ID-Signature': sign("' OR 1=1") }, 404, 'could not be found'],
  ])('refuses a request %s', async (_, change, status, message) => {
    const { get } = await started(proxied);
    const headers = Object.fromEntries(
      Object.entries({ ...signed, ...change }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    const answer = await get('/latest/meta-data/', headers);
    expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(message)]);
  });

  it('verifies the signature with an empty secret too', async () => {
    const { get } = await started('[neutron]\nservice_metadata_proxy = True\n');
    expect((await get('/latest/', signed)).status).toBe(403);
    expect((await get('/latest/', { ...signed, 'X-Instance-ID-Signature': sign(instanceId, '') })).status).toBe(200);
  });

  it('takes the forwarded address where the instance has none, and the project is judged from memory too', async () => {
    const { get, byId } = await started(proxied);
    byId.set(instanceId, { ...exampleMetadata, networkInfo: [] });
    expect((await get('/latest/meta-data/local-ipv4', signed)).text).toBe('10.0.0.77');
    expect((await get('/latest/meta-data/local-ipv4', { ...signed, 'X-Tenant-ID': 'beta' })).status).toBe(404);
  });
});

describe('through a load balancer', () => {
  const balanced = {
    'X-Metadata-Provider': 'lb-1',
    'X-Metadata-Provider-Signature': sign('lb-1'),
    'X-Forwarded-For': '10.0.0.5, 10.0.0.1',
  };
  it('finds the instance by provider and address', async () => {
    const { get } = await started(proxied);
    expect((await get('/latest/meta-data/instance-id', balanced)).text).toBe('i-00000011');
    expect((await get('/latest/', { ...balanced, 'X-Metadata-Provider-Signature': 'x' })).status).toBe(403);
    expect((await get('/latest/', { 'X-Metadata-Provider': 'lb-1', 'X-Forwarded-For': '10.0.0.5' })).status).toBe(403);
    expect((await get('/latest/', { 'X-Metadata-Provider': 'lb-1', 'X-Metadata-Provider-Signature': sign('lb-1') })).status).toBe(400);
    expect((await get('/latest/', { ...balanced, 'X-Forwarded-For': '10.0.0.6' })).status).toBe(400);
  });
});

describe('any request', () => {
  it('to / is answered without knowing who asks', async () => {
    const { get, state } = await started(proxied);
    for (const path of ['/', '//', '/./', '/x/..']) expect((await get(path)).text).toMatch(/^1\.0\n.*latest$/s);
    expect(state.looks).toBe(0);
  });

  it('carries no request id, and an unknown path is a page', async () => {
    const { get } = await started(proxied);
    const answer = await get('/openstack/nothing', signed);
    expect([answer.status, answer.type, answer.headers.get('x-openstack-request-id')]).toEqual([404, 'text/html; charset=UTF-8', null]);
  });

  it.each(['/latest/%2e%2e/openstack', '/latest/meta-data/%00', `/${'a/'.repeat(4000)}`, '/openstack/latest/..%2f..', '/%zz'])(
    'for the path %s is refused',
    async (path) => {
      await started(proxied);
      expect([400, 404]).toContain(await statusOfRaw(path));
    },
  );

  it('is 500 without the cause when the look-up fails, and works when it works again', async () => {
    const { get, state } = await started(proxied);
    state.fails = true;
    const answer = await get('/latest/', signed);
    expect([answer.status, answer.text]).toEqual([500, expect.not.stringContaining('secret-of-it')]);
    state.fails = false;
    expect((await get('/latest/', signed)).status).toBe(200);
  });

  it('is answered from memory for fifteen seconds, but for what is not there', async () => {
    const { get, state, byId } = await started(proxied);
    await Promise.all([1, 2, 3, 4].map(() => get('/latest/meta-data/hostname', signed)));
    expect(state.looks).toBe(1);
    byId.set(instanceId, { ...exampleMetadata, hostname: 'renamed' });
    expect((await get('/latest/meta-data/hostname', signed)).text).toBe('web-1.novalocal');
    state.now += 15_001;
    expect((await get('/latest/meta-data/hostname', signed)).text).toBe('renamed.novalocal');
    byId.delete(instanceId);
    state.now += 15_001;
    expect((await get('/latest/', signed)).status).toBe(404);
    byId.set(instanceId, exampleMetadata);
    expect((await get('/latest/', signed)).status).toBe(200);
  });

  it('random_seed differs from reading to reading', async () => {
    const { get } = await started(proxied);
    const seeds = await Promise.all(
      [1, 2].map(async () => JSON.parse((await get('/openstack/latest/meta_data.json', signed)).text).random_seed),
    );
    expect(seeds[0]).not.toBe(seeds[1]);
  });
});

const post = (body: string): RequestInit => ({ method: 'POST', body });

describe('the password', () => {
  const path = '/openstack/latest/password';

  it('is posted once and shown', async () => {
    const { get, byId } = await started(proxied);
    expect(await get(path, signed)).toMatchObject({ status: 200, text: '' });
    expect(await get(path, signed, post('x'.repeat(1020)))).toMatchObject({ status: 200, text: '' });
    expect((await get(path, signed)).text).toBe('x'.repeat(1020));
    expect((await get(path, signed, post('other'))).status).toBe(409);
    byId.set(instanceId, { ...exampleMetadata, password: '' });
    expect((await get(path, signed, post('again'))).status).toBe(200);
  });

  it('of two at once, one is kept', async () => {
    const { get } = await started(proxied);
    const answers = await Promise.all(['a', 'b'].map((body) => get(path, signed, post(body))));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  });

  it.each<[string, RequestInit, string]>([
    ['too long', post('x'.repeat(1021)), 'Request is too large.'],
    ['far too long', post('x'.repeat(100_000)), 'Request is too large.'],
    ['binary', post('\0'), 'must be text'],
    ['put', { method: 'PUT', body: 'x' }, 'GET and POST only are supported.'],
  ])('is refused when it is %s', async (_, init, message) => {
    const { get } = await started(proxied);
    const answer = await get(path, signed, init);
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(message)]);
  });
});

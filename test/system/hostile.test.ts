import Type from 'typebox';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { lenientSchema, readLeniently } from '../../src/lib/http/lenient-body.ts';
import { validatorOf } from '../../src/lib/http/validation.ts';
import { createLog } from '../../src/lib/log.ts';
import { password, startTestCloud, type Asker, type TestCloud } from '../support/cloud.ts';
import {
  bodyWith,
  brokenBodies,
  leavesOf,
  oddBodies,
  oddNumbers,
  oddTexts,
  plantedSecret,
  sampleOf,
  unstorableTexts,
} from './hostile/bodies.ts';
import { endpoints, nameOf, type Endpoint } from './hostile/endpoints.ts';
import { endlessPatterns, fewQueries, pathTricks, queries, queryValues } from './hostile/inputs.ts';
import { commandsUnder } from './hostile/processes.ts';
import { createSender, faultOf, heard, type Hit, type Shot } from './hostile/send.ts';
import { makeVictims, victimMark, type Victims } from './hostile/victims.ts';

/**
 * Every route of all six services, by their own tables, asked by strangers and with input made to hurt. Whatever is asked: the answer comes, it is no
 * 5xx, a refusal is in the words of its service and changes nothing, and no secret is told or written down.
 */
const log: string[] = [];
let cloud: TestCloud;
let reader: Asker;
let victims: Victims;
let sender: ReturnType<typeof createSender>;
/** Refusals seen by any test, for the secrets that may be in none of them. */
const refusals = new Set<string>();

// far more than the walk needs: only a hang takes so long
vi.setConfig({ testTimeout: 180_000 });

beforeAll(async () => {
  cloud = await startTestCloud('', { log: createLog({ name: 'hostile', level: 'debug', to: { write: (line) => void log.push(line) } }) });
  [victims, reader] = [await makeVictims(cloud), await cloud.user('reader')];
  await reader.ask('network', 'GET', '/security-groups'); // looking makes a project's default group
  sender = createSender(cloud);
});
afterAll(async () => {
  await sender.close();
  await cloud.stop();
});

/** A password that is tried is hashed, one after the other and slowly on purpose: of those endpoints some tries are enough. */
const fewer = <T>({ path }: Endpoint, tries: readonly T[]): readonly T[] =>
  path.includes('/users') && (path.endsWith('/password') || path.endsWith('/users') || path.endsWith('/users/:id'))
    ? tries.filter((_, index) => index % 4 === 0)
    : tries;

const isBodied = ({ takes }: Endpoint): boolean => takes === 'json' || takes === 'patch';
const jsonType = ({ takes }: Endpoint): Record<string, string> =>
  takes === 'patch' ? { 'content-type': 'application/openstack-images-v2.1-json-patch' } : { 'content-type': 'application/json' };
const asAdmin = (): Record<string, string> => ({ 'x-auth-token': cloud.admin.token });

/** A request an endpoint could be sent in earnest. */
function honest(endpoint: Endpoint, path: string, headers: Readonly<Record<string, string>>): Shot {
  const { service, method, schema, takes } = endpoint;
  const body = takes === 'stream' ? 'data' : schema === null ? null : JSON.stringify(sampleOf(schema, victims.known));
  const type = takes === 'stream' ? { 'content-type': 'application/octet-stream' } : body === null ? {} : jsonType(endpoint);
  return { service, method, path, headers: { ...endpoint.headers, ...type, ...headers }, ...(body === null ? {} : { body }) };
}

/** Whether a body is nothing an endpoint takes, read as its mount reads bodies. */
function isRefusable({ schema, legacy }: Endpoint, body: string): boolean {
  if (schema === null) return false;
  const given: unknown = JSON.parse(body);
  return legacy
    ? validatorOf(lenientSchema(schema)).check(readLeniently(given, schema)) !== null
    : validatorOf(schema).check(given) !== null;
}

/** What a mount before microversions shares with the present one is walked there in depth. */
const inDepth = endpoints.filter(({ legacy }) => !legacy);

/** Sends all of them and gathers what is wrong with the answers. */
async function complaints(
  all: readonly (readonly [Endpoint, string, Shot])[],
  expectation: (hit: Hit, endpoint: Endpoint) => string | null = () => null,
): Promise<string[]> {
  const found: string[] = [];
  await sender.all(all, async ([endpoint, what, shot]) => {
    try {
      const hit = await sender.send(shot);
      if (hit.status >= 400) refusals.add(hit.text);
      const fault = faultOf(shot, hit) ?? expectation(hit, endpoint);
      if (fault !== null) found.push(`${nameOf(endpoint)} [${what.slice(0, 120)}] ${fault}`);
    } catch (error) {
      found.push(`${nameOf(endpoint)} [${what.slice(0, 120)}] ${String(error)}`);
    }
  });
  return found.toSorted();
}

/** How many things each collection of each service holds. */
async function counts(): Promise<Record<string, number>> {
  const collections = endpoints.filter(
    ({ method, path, isPublic }) => method === 'GET' && !path.includes(':') && !isPublic && !path.includes('allocation_candidates'),
  );
  const entries = await Promise.all(
    collections.map(async (endpoint) => {
      const query = endpoint.service === 'compute' && endpoint.query.includes('all_tenants') ? '?all_tenants=1' : '';
      const { text } = await sender.send(honest(endpoint, `${endpoint.path}${query}`, asAdmin()));
      const lists = Object.values((text === '' ? {} : JSON.parse(text)) as object).filter((value) => Array.isArray(value));
      return [nameOf(endpoint), lists.reduce((sum, list) => sum + list.length, 0)] as const;
    }),
  );
  return Object.fromEntries(entries);
}

/** The complaints, one line for each kind. */
function expectClean(found: readonly string[]): void {
  const kinds = Map.groupBy(found, (line) => line.replace(/ \[.*?\] (?=answers|lets|shows)/s, ' [...] ').slice(0, 160));
  expect([...kinds].map(([, lines]) => `${lines.length} × ${lines[0]?.slice(0, 300)}`)).toEqual([]);
}

test('the walk knows every service', () => {
  expect(
    Object.fromEntries([...Map.groupBy(endpoints, ({ service }) => service)].map(([service, all]) => [service, all.length > 20])),
  ).toEqual({ compute: true, identity: true, image: true, network: true, placement: true, volumev3: true });
});

test('nobody without a good token is answered', async () => {
  const before = await counts();
  const { token } = cloud.admin;
  const middle = Math.floor(token.length / 2);
  const tokens: readonly (readonly [string, Record<string, string>])[] = [
    ['no token', {}],
    ['empty', { 'x-auth-token': '' }],
    ['garbage', { 'x-auth-token': 'garbage' }],
    ['truncated', { 'x-auth-token': token.slice(0, -7) }],
    ['tampered', { 'x-auth-token': `${token.slice(0, middle)}${token[middle] === 'A' ? 'B' : 'A'}${token.slice(middle + 1)}` }],
    ['no ASCII', { 'x-auth-token': '\u00FF\u00FE' }],
    ['long', { 'x-auth-token': 'kn1.'.padEnd(12_000, 'x') }],
    [
      'claims',
      {
        'x-roles': 'admin',
        'x-user-id': 'admin',
        'x-project-id': cloud.admin.projectId,
        'x-is-admin-project': 'true',
        'x-service-roles': 'service',
        'x-identity-status': 'Confirmed',
      },
    ],
  ];
  const guarded = endpoints.filter(({ isPublic }) => !isPublic);
  const all = guarded.flatMap((endpoint) =>
    tokens.map(([what, headers]) => [endpoint, what, honest(endpoint, victims.path(endpoint), headers)] as const),
  );
  expectClean(await complaints(all, ({ status }) => (status === 401 ? null : `answers ${status}`)));
  expect(await counts()).toEqual(before);
});

test('a reader of another project changes and sees nothing', async () => {
  const before = await counts();
  // what everybody may do with what is their own
  const own = /os-keypairs|auth\/tokens|application_credentials|users\/:id\/password/;
  const all = endpoints
    .filter(({ isPublic, path }) => !isPublic && !own.test(path))
    .map((endpoint) => [endpoint, 'reader', honest(endpoint, victims.path(endpoint), { 'x-auth-token': reader.token })] as const);
  expectClean(
    await complaints(all, ({ status, text }, { method }) => {
      if (method !== 'GET' && method !== 'HEAD' && status < 400) return `lets a reader: ${status}`;
      return status < 400 && text.includes(victimMark) ? `shows what is another's: ${text.slice(0, 200)}` : null;
    }),
  );
  expect(await counts()).toEqual(before);
});

test('paths that are tricks find nothing', async () => {
  const all = endpoints
    .filter(({ path }) => path.includes(':'))
    .flatMap((endpoint) =>
      fewer(endpoint, pathTricks).map((trick) => [endpoint, trick, honest(endpoint, victims.path(endpoint, trick), asAdmin())] as const),
    );
  expectClean(await complaints(all));
});

test('queries that are tricks are answered or refused', async () => {
  const readable = inDepth.filter(({ method }) => method === 'GET');
  const all = readable.flatMap((endpoint) => {
    const path = victims.path(endpoint);
    // what a list with details reads is what the list reads
    const named = (path.endsWith('/detail') ? [] : endpoint.query).flatMap((name) =>
      [...queryValues, ...(name === 'name' || name === 'ip' ? endlessPatterns : [])].map((value) => `${encodeURIComponent(name)}=${value}`),
    );
    return [
      ...(endpoint.path.includes(':') || (endpoint.query.length === 0 && endpoint.service === 'compute') ? fewQueries : queries),
      ...named,
    ].map((query) => [endpoint, query, honest(endpoint, `${path}?${query}`, asAdmin())] as const);
  });
  expectClean(await complaints(all));
});

test('bodies that are none are refused, and nothing is made of them', async () => {
  const before = await counts();
  const all = endpoints
    .filter((endpoint) => isBodied(endpoint))
    .flatMap((endpoint) => {
      const path = victims.path(endpoint);
      const shot = honest(endpoint, path, asAdmin());
      const broken = Object.entries(brokenBodies).map(([what, body]) => [endpoint, what, { ...shot, body }] as const);
      const refused = oddBodies.filter((body) => isRefusable(endpoint, body));
      const odd = refused.map((body) => [endpoint, body, { ...shot, body }] as const);
      const typed = ['text/html', 'application/xml', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded', ';;;'].map(
        (type) => [endpoint, type, { ...shot, headers: { ...shot.headers, 'content-type': type }, body: 'x' }] as const,
      );
      const zipped = [
        endpoint,
        'gzip',
        { ...shot, headers: { ...shot.headers, 'content-encoding': 'gzip' }, body: Buffer.from('1f8b0800000000000003abae0500', 'hex') },
      ] as const;
      return [
        ...broken,
        ...odd,
        ...typed,
        zipped,
        ...(endpoint.bodyOptional || validatorOf(endpoint.schema ?? Type.Never()).check(null) === null
          ? []
          : [[endpoint, 'empty', { ...shot, body: '' }] as const]),
      ];
    });
  expectClean(await complaints(all, ({ status }) => (status < 400 ? `answers ${status}` : null)));
  expect(await counts()).toEqual(before);
});

test('text that cannot be stored is refused in every field', async () => {
  const before = await counts();
  const all = inDepth.flatMap((endpoint) => {
    const { schema } = endpoint;
    if (schema === null) return [];
    const shot = honest(endpoint, victims.path(endpoint), asAdmin());
    return leavesOf(schema)
      .filter(({ kind }) => kind === 'text')
      .flatMap(({ path }) =>
        unstorableTexts.map(
          (literal) =>
            [endpoint, `${path.join('.')} = ${literal}`, { ...shot, body: bodyWith(schema, victims.known, path, literal) }] as const,
        ),
      );
  });
  expectClean(await complaints(all, ({ status }) => (status < 400 ? `answers ${status}` : null)));
  expect(await counts()).toEqual(before);
});

test('odd text and numbers are stored as they are, or refused', async () => {
  const all = inDepth.flatMap((endpoint) => {
    const { schema } = endpoint;
    if (schema === null) return [];
    const shot = honest(endpoint, victims.path(endpoint), asAdmin());
    return leavesOf(schema).flatMap(({ path, kind }) =>
      fewer(endpoint, kind === 'text' ? oddTexts : oddNumbers).map(
        (literal) =>
          [
            endpoint,
            `${path.join('.')} = ${literal.slice(0, 80)}`,
            { ...shot, body: bodyWith(schema, victims.known, path, literal) },
          ] as const,
      ),
    );
  });
  expectClean(await complaints(all));
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('odd ways of sending are answered, and the connection goes on or goes', async () => {
  const found: string[] = [];
  const bodied = inDepth.filter(({ takes }) => takes === 'json');
  await sender.all(bodied, async (endpoint) => {
    const { host } = new URL(cloud.cloud.endpoints[endpoint.service] ?? '');
    const lines = [
      `${endpoint.method} ${victims.path(endpoint)} HTTP/1.1`,
      `host: ${host}`,
      'accept: application/json',
      'content-type: application/json',
      ...Object.entries({ ...endpoint.headers, ...asAdmin() }).map(([name, value]) => `${name}: ${value}`),
    ];
    const ways: readonly (readonly [string, readonly string[], string, RegExp])[] = [
      ['more declared than is taken', ['content-length: 50000000'], '{"a": "', /^HTTP\/1\.1 4(13|\d\d) /],
      [
        'chunks without a length',
        ['transfer-encoding: chunked', 'connection: close'],
        '5\r\n{"a":\r\n3\r\n[1]\r\n1\r\n}\r\n0\r\n\r\n',
        /^HTTP\/1\.1 (2|4)\d\d /,
      ],
      ['chunks that are none', ['transfer-encoding: chunked'], 'zz\r\n{}', /^HTTP\/1\.1 4\d\d /],
      ['two lengths', ['content-length: 2', 'content-length: 30'], '{}', /^HTTP\/1\.1 400 /],
      ['a length and chunks', ['content-length: 2', 'transfer-encoding: chunked'], '0\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['a long header', [`x-long: ${'x'.repeat(12_000)}`, 'content-length: 2', 'connection: close'], '[]', /^HTTP\/1\.1 (2|4)\d\d /],
      ['a header too long', [`x-long: ${'x'.repeat(20_000)}`], '', /^HTTP\/1\.1 431 /],
    ];
    for (const [what, headers, body, expected] of ways) {
      const answer = await heard(host, `${[...lines, ...headers].join('\r\n')}\r\n\r\n${body}`);
      refusals.add(answer);
      if (!expected.test(answer)) found.push(`${nameOf(endpoint)} [${what}] answers ${answer.slice(0, 200) || 'nothing'}`);
    }
  });
  expectClean(found);
});

test('ten megabytes are refused, or read where so much may be', async () => {
  const found = await complaints(
    (['compute', 'identity', 'image', 'network', 'placement'] as const).flatMap((service) => {
      const endpoint = endpoints.find(
        (candidate) => candidate.service === service && candidate.method === 'POST' && candidate.takes === 'json',
      );
      return endpoint === undefined
        ? []
        : [
            [
              endpoint,
              '10 MB',
              { ...honest(endpoint, victims.path(endpoint), asAdmin()), body: `{"x": "${'x'.repeat(10_000_000)}"}` },
            ] as const,
          ];
    }),
    ({ status }) => (status === 413 || status === 400 ? null : `answers ${status}`),
  );
  // a refused sender may find its connection cut while it still sends
  expectClean(found.filter((line) => !/ECONNRESET|EPIPE|other side closed/.test(line)));
});

test('the metadata service tells nobody anything who is no guest of its', async () => {
  const { metadata } = cloud.cloud.endpoints;
  const server = victims
    .path({ service: 'compute', path: '/servers/:serverId' } as Endpoint)
    .split('/')
    .at(-1)!;
  const heads: readonly Readonly<Record<string, string>>[] = [
    {},
    { 'x-instance-id': server },
    { 'x-instance-id': server, 'x-tenant-id': cloud.admin.projectId, 'x-instance-id-signature': '0'.repeat(64) },
    { 'x-instance-id': '../../etc/passwd', 'x-instance-id-signature': 'x'.repeat(10_000) },
    { 'x-forwarded-for': '169.254.169.254' },
    { 'x-forwarded-for': "127.0.0.1' OR '1'='1", 'x-metadata-provider': '__proto__' },
    { 'x-metadata-provider': 'x', 'x-metadata-provider-signature': 'y' },
    asAdmin(),
  ];
  const below = ['/openstack/latest/', '/openstack/2018-08-27/', '/latest/meta-data/', '/latest/user-data', '/2009-04-04/', '/'];
  const paths = [
    ...below.flatMap((path) =>
      ['', 'meta_data.json', 'password', 'vendor_data2.json', 'public-keys/0/openssh-key'].map((name) => path + name),
    ),
    ...pathTricks.flatMap((trick) => [
      `/${trick}`,
      `/openstack/${trick}/meta_data.json`,
      `/openstack/latest/${trick}`,
      `/latest/meta-data/${trick}`,
    ]),
  ];
  const wrong: string[] = [];
  const tries = paths.flatMap((path) => heads.flatMap((headers) => ['GET', 'POST', 'DELETE'].map((method) => ({ path, headers, method }))));
  await sender.all(tries, async ({ path, headers, method }) => {
    const shot: Shot = { service: 'compute', method, path, headers, ...(method === 'POST' ? { body: '\0\uFFFDx'.repeat(40) } : {}) };
    const { status, text } = await sender.sendTo(metadata ?? '', shot);
    if (status >= 400) refusals.add(text);
    // anybody may see which versions there are
    const isList = status === 200 && /^(1\.0|\d{4}-\d\d-\d\d)\n/.test(text);
    if (status >= 500 || (status < 400 && !isList) || text.includes(victimMark))
      wrong.push(`${method} ${path.slice(0, 60)} answers ${status}: ${text.slice(0, 80)}`);
  });
  expect(wrong.toSorted().slice(0, 20)).toEqual([]);
});

test('no program this cloud has started is given a secret as an argument', async () => {
  const commands = await commandsUnder([process.pid, process.ppid]);
  expect(commands.some((command) => command.includes('postgres'))).toBe(true);
  expect(commands.filter((command) => [password, plantedSecret, cloud.admin.token].some((secret) => command.includes(secret)))).toEqual([]);
});

test('no secret is told or written down', () => {
  const secrets = [password, plantedSecret, cloud.admin.token, reader.token];
  const told = [...refusals].filter((text) => secrets.some((secret) => text.includes(secret)));
  expectClean(told.map((text) => text.slice(0, 300)));
  const written = log.filter((line) => secrets.some((secret) => line.includes(secret)));
  expectClean(written.map((line) => line.slice(0, 600)));
});

test('the cloud still deletes what the walk has made, and builds a server', async () => {
  const { servers } = (await cloud.admin.ask('compute', 'GET', '/servers')).body as {
    readonly servers: readonly { readonly id: string }[];
  };
  for (const { id } of servers) await cloud.admin.ask('compute', 'DELETE', `/servers/${id}`);
  for (const { id } of servers) await cloud.gone(cloud.admin, id);
  const { status, body } = await cloud.admin.ask('compute', 'POST', '/servers', {
    server: { name: 'after', imageRef: cloud.imageId, flavorRef: '1', networks: 'none' },
  });
  expect([status, body]).toEqual([202, { server: expect.anything() }]);
  await cloud.settled(cloud.admin, body.server.id, 'ACTIVE');
});

import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiUnderTest, type ApiUnderTest, type Ask } from '../../test-support/api-under-test.ts';
import { field } from './ssh-public-key.ts';

let api: ApiUnderTest;
let admin: Ask;
let member: Ask;
beforeAll(async () => {
  api = await startApiUnderTest('[quota]\nkey_pairs = 4\n');
  [admin, member] = [api.as('ops.admin'), api.as('alpha.member')];
});
afterAll(() => api[Symbol.asyncDispose]());

/** A key as `ssh-keygen -t ed25519` writes its public half. */
function ed25519(): string {
  const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from('ssh-ed25519')), field(Buffer.from(x, 'base64url'))]).toString('base64')} me@here`;
}

/** What `ssh-keygen` makes of a key: the fingerprint in MD5. */
async function sshKeygen(publicKey: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-key-'));
  try {
    await writeFile(join(directory, 'key.pub'), publicKey);
    const { stdout } = await promisify(execFile)('ssh-keygen', ['-l', '-E', 'md5', '-f', join(directory, 'key.pub')]);
    return /MD5:([0-9a-f:]+)/.exec(stdout)?.[1] ?? stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('a generated key pair', () => {
  test('is RSA of 2048 bits, whose private half belongs to the public one and is never shown again', async () => {
    const { status, body } = await member('POST', '/os-keypairs', { body: { keypair: { name: 'made' } } });
    const { private_key: pem, public_key: publicKey, fingerprint } = body.keypair;
    expect(status).toBe(200);
    expect(body.keypair).toEqual({ name: 'made', user_id: 'alpha.member', private_key: pem, public_key: publicKey, fingerprint });
    const key = createPrivateKey(pem);
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048);
    const data = Buffer.from(String(publicKey).split(' ')[1]!, 'base64');
    const modulus = Buffer.from(String(createPublicKey(key).export({ format: 'jwk' }).n), 'base64url');
    expect(data.subarray(-256).equals(modulus)).toBe(true);
    expect(publicKey).toMatch(/ Generated-by-Nova\n$/);
    expect(fingerprint).toBe(await sshKeygen(publicKey));
    const shown = (await member('GET', '/os-keypairs/made')).body.keypair;
    expect(shown).toEqual({
      id: expect.any(Number),
      name: 'made',
      user_id: 'alpha.member',
      public_key: publicKey,
      fingerprint,
      created_at: expect.stringMatching(/^\d{4}-.*\.\d{6}$/),
      updated_at: null,
      deleted: false,
      deleted_at: null,
    });
  });

  test('can be a certificate for client authentication', async () => {
    const { status, body } = await admin('POST', '/os-keypairs', { version: '2.2', body: { keypair: { name: 'windows', type: 'x509' } } });
    const certificate = new X509Certificate(body.keypair.public_key);
    expect({
      status,
      type: body.keypair.type,
      subject: certificate.subject,
      names: certificate.subjectAltName,
      usage: certificate.keyUsage,
    }).toEqual({
      status: 201,
      type: 'x509',
      subject: 'CN=ops.admin',
      names: expect.stringContaining('ops.admin@localhost'),
      usage: ['1.3.6.1.5.5.7.3.2'],
    });
    expect(certificate.checkPrivateKey(createPrivateKey(body.keypair.private_key)) && certificate.verify(certificate.publicKey)).toBe(true);
    expect(body.keypair.fingerprint).toBe(certificate.fingerprint.toLowerCase());
    const again = await admin('POST', '/os-keypairs', {
      version: '2.92',
      body: { keypair: { name: 'windows@home', type: 'x509', public_key: body.keypair.public_key } },
    });
    expect({ status: again.status, ...again.body.keypair }).toMatchObject({ status: 201, fingerprint: body.keypair.fingerprint });
  });

  test('is no longer to be had since 2.92', async () => {
    const { status, body } = await member('POST', '/os-keypairs', { version: '2.92', body: { keypair: { name: 'late' } } });
    expect({ status, message: body.badRequest.message }).toEqual({
      status: 400,
      message: expect.stringContaining("'public_key' is a required property"),
    });
  });
});

describe('an imported key', () => {
  test.each(['ed25519', 'ecdsa', 'rsa'])('of type %s gets the fingerprint ssh-keygen gives it', async (type) => {
    const directory = await mkdtemp(join(tmpdir(), 'kilonova-key-'));
    try {
      await promisify(execFile)('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', join(directory, 'key')]);
      const { stdout: publicKey } = await promisify(execFile)('cat', [join(directory, 'key.pub')]);
      const { body } = await api.as(`keys-${type}.member`)('POST', '/os-keypairs', {
        version: '2.92',
        body: { keypair: { name: 'imported', public_key: publicKey } },
      });
      expect(body.keypair).toEqual({
        name: 'imported',
        type: 'ssh',
        user_id: `keys-${type}.member`,
        public_key: publicKey,
        fingerprint: await sshKeygen(publicKey),
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  const rsaTypeWithOtherData = `ssh-rsa ${ed25519().split(' ')[1]!}`;
  test.each([
    ['words', 'this is no key'],
    ['an empty text', ''],
    ['data of another type', rsaTypeWithOtherData],
    ['data that ends too early', ed25519().split(' ').slice(0, 2).join(' ').slice(0, -8)],
    ['base64 that is none', 'ssh-ed25519 %%%%'],
    ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----'],
    ['a type nobody knows', `ssh-rot13 ${ed25519().split(' ')[1]!}`],
  ])('is refused when it is %s', async (_what, publicKey) => {
    const { status, body } = await member('POST', '/os-keypairs', { body: { keypair: { name: 'bad', public_key: publicKey } } });
    expect({ status, body }).toEqual({
      status: 400,
      body: { badRequest: { code: 400, message: 'Keypair data is invalid: failed to generate fingerprint' } },
    });
  });

  test('is refused when it is said to be a certificate and is none', async () => {
    const { status, body } = await member('POST', '/os-keypairs', {
      version: '2.2',
      body: { keypair: { name: 'bad', type: 'x509', public_key: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' } },
    });
    expect({ status, message: body.badRequest.message }).toEqual({
      status: 400,
      message: 'Keypair data is invalid: failed to generate X509 fingerprint',
    });
  });

  test.each([
    ['home@work.org', '2.91', 400],
    ['home@work.org', '2.92', 201],
    ['a/b', '2.92', 400],
    [' spaced', '2.92', 400],
    ['', '2.92', 400],
    ['x'.repeat(256), '2.92', 400],
  ])('called %j is answered at %s with %i', async (name, version, status) => {
    const answer = await api.as('names.member')('POST', '/os-keypairs', { version, body: { keypair: { name, public_key: ed25519() } } });
    expect(answer.status).toBe(status);
  });
});

describe('key pairs of a user', () => {
  beforeAll(async () => {
    for (const name of ['c', 'a', 'b'])
      await api.as('beta.member')('POST', '/os-keypairs', { body: { keypair: { name, public_key: ed25519() } } });
  });
  const names = async (ask: Ask, path: string, version = '2.35') => {
    const { status, body } = await ask('GET', path, { version });
    return status === 200 ? (body.keypairs as { keypair: { name: string } }[]).map(({ keypair }) => keypair.name) : status;
  };

  test('are listed by name, in pages since 2.35', async () => {
    const beta = api.as('beta.member');
    expect(
      await Promise.all([
        names(beta, '/os-keypairs'),
        names(beta, '/os-keypairs?limit=2'),
        names(beta, '/os-keypairs?marker=b'),
        names(beta, '/os-keypairs?marker=z'),
        names(beta, '/os-keypairs?limit=1', '2.34'),
      ]),
    ).toEqual([['a', 'b', 'c'], ['a', 'b'], ['c'], 400, ['a', 'b', 'c']]);
    const { body } = await beta('GET', '/os-keypairs?limit=1', { version: '2.35' });
    expect(body).toEqual({
      keypairs: [{ keypair: { name: 'a', type: 'ssh', public_key: expect.any(String), fingerprint: expect.any(String) } }],
      keypairs_links: [{ rel: 'next', href: 'http://localhost:80/v2.1/os-keypairs?limit=1&marker=a' }],
    });
    expect(Object.keys((await beta('GET', '/os-keypairs')).body.keypairs[0].keypair)).toEqual(['name', 'public_key', 'fingerprint']);
  });

  test('are for themselves and for administrators, who name the user since 2.10', async () => {
    expect([
      await names(admin, '/os-keypairs?user_id=beta.member', '2.10'),
      await names(member, '/os-keypairs?user_id=beta.member', '2.10'),
      await names(api.as('beta.member'), '/os-keypairs?user_id=beta.member', '2.10'),
      await names(api.as('gamma.reader'), '/os-keypairs?user_id=beta.member', '2.9'),
      await names(member, '/os-keypairs?colour=red', '2.75'),
    ]).toEqual([['a', 'b', 'c'], 403, ['a', 'b', 'c'], [], 400]);
    const forAnother = { version: '2.10', body: { keypair: { name: 'given', user_id: 'gamma.member', public_key: ed25519() } } };
    expect([(await member('POST', '/os-keypairs', forAnother)).status, (await admin('POST', '/os-keypairs', forAnother)).status]).toEqual([
      403, 201,
    ]);
    expect((await admin('POST', '/os-keypairs', { ...forAnother, version: '2.9' })).status).toBe(400);
    expect((await api.as('gamma.member')('GET', '/os-keypairs/given')).status).toBe(200);
    const remove = (ask: Ask) => ask('DELETE', '/os-keypairs/given?user_id=gamma.member', { version: '2.10' });
    expect([(await remove(member)).status, (await remove(admin)).status, (await remove(admin)).status]).toEqual([403, 204, 404]);
  });

  test('have names of their own, and no more of them than the quota', async () => {
    const beta = api.as('beta.member');
    const create = (name: string) => beta('POST', '/os-keypairs', { body: { keypair: { name, public_key: ed25519() } } });
    expect((await create('a')).body).toEqual({ conflictingRequest: { code: 409, message: "Key pair 'a' already exists." } });
    const answers = await Promise.all([create('d'), create('e'), create('f')]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 403, 403]);
    expect(answers.find(({ status }) => status === 403)?.body).toEqual({
      forbidden: { code: 403, message: 'Quota exceeded, too many key pairs.' },
    });
    expect((await beta('DELETE', '/os-keypairs/a')).status).toBe(202);
    expect((await beta('GET', '/os-keypairs/a')).body.itemNotFound.message).toBe('Keypair a not found for user beta.member');
  });
});

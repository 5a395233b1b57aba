import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminPassword, startIdentityUnderTest, type IdentityUnderTest } from '../../src/services/identity/identity-under-test.ts';

let identity: IdentityUnderTest;
let home: string;
beforeAll(async () => {
  [identity, home] = await Promise.all([startIdentityUnderTest(), mkdtemp(join(tmpdir(), 'kilonova-identity-cli-'))]);
});
afterAll(async () => {
  await identity[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const run = promisify(execFile);

/** What `openstack …` prints, as JSON where it is asked for that. Who asks travels in the environment. */
async function openstack(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const asAdmin = {
    OS_USERNAME: 'admin',
    OS_PASSWORD: adminPassword,
    OS_PROJECT_NAME: 'admin',
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
  };
  const { stdout } = await run('openstack', [...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      OS_AUTH_URL: identity.service.url,
      OS_IDENTITY_API_VERSION: '3',
      ...(Object.keys(environment).length > 0 ? environment : asAdmin),
    },
  });
  return stdout.trim() === '' ? null : (JSON.parse(stdout) as unknown);
}

const json = ['-f', 'json'];

test('the openstack client manages users, projects and roles, and works with what it made', async () => {
  expect(await openstack(['token', 'issue', ...json])).toMatchObject({
    id: expect.stringMatching(/^kn1\./),
    project_id: expect.any(String),
    user_id: expect.any(String),
  });
  expect(await openstack(['catalog', 'list', ...json])).toContainEqual(expect.objectContaining({ Name: 'nova', Type: 'compute' }));
  expect(await openstack(['project', 'create', 'blue', '--description', 'A blue one', '--property', 'colour=blue', ...json])).toMatchObject(
    {
      name: 'blue',
      description: 'A blue one',
      enabled: true,
      domain_id: 'default',
      colour: 'blue',
    },
  );
  expect(
    await openstack(['user', 'create', 'ada', '--project', 'blue', '--password', 'ada-password', '--email', 'ada@example.org', ...json]),
  ).toMatchObject({
    name: 'ada',
    enabled: true,
    email: 'ada@example.org',
  });
  await openstack(['role', 'create', 'gardener', ...json]);
  await openstack(['role', 'add', 'member', '--user', 'ada', '--project', 'blue']);
  await openstack(['group', 'create', 'gardeners', ...json]);
  await openstack(['group', 'add', 'user', 'gardeners', 'ada']);
  expect(await openstack(['role', 'assignment', 'list', '--user', 'ada', '--names', ...json])).toEqual([
    { Role: 'member', User: 'ada@Default', Group: '', Project: 'blue@Default', Domain: '', System: '', Inherited: false },
  ]);

  const ada = {
    OS_USERNAME: 'ada',
    OS_PASSWORD: 'ada-password',
    OS_PROJECT_NAME: 'blue',
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
  };
  const credential = (await openstack(['application', 'credential', 'create', 'robot', '--role', 'reader', ...json], ada)) as {
    id: string;
    secret: string;
  };
  const robot = {
    OS_AUTH_TYPE: 'v3applicationcredential',
    OS_APPLICATION_CREDENTIAL_ID: credential.id,
    OS_APPLICATION_CREDENTIAL_SECRET: credential.secret,
  };
  const blue = (await openstack(['project', 'show', 'blue', ...json])) as { id: string };
  expect(await openstack(['token', 'issue', ...json], robot)).toMatchObject({ project_id: blue.id });
  await expect(openstack(['application', 'credential', 'create', 'offspring', ...json], robot)).rejects.toThrow(/403/);
  await expect(openstack(['user', 'list', ...json], ada)).rejects.toThrow(/403/);

  await openstack(['user', 'set', 'ada', '--disable']);
  await expect(openstack(['token', 'issue', ...json], robot)).rejects.toThrow(/401/);
  await openstack(['user', 'delete', 'ada']);
  await openstack(['project', 'delete', 'blue']);
  const left = (await openstack(['project', 'list', ...json])) as { Name: string }[];
  expect(left.map(({ Name }) => Name).toSorted()).toEqual(['admin', 'demo', 'service']);
});

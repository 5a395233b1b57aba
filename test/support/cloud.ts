import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings } from '../../src/config/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog, type Log } from '../../src/lib/log.ts';
import { waitUntil } from '../../src/lib/retry.ts';
import { fakeHypervisors, type FakeHypervisors } from '../../src/services/compute/drivers/fake/hypervisors.ts';
import { startCloud, type Cloud } from '../../src/services/up/cloud.ts';
import { silentProgress } from '../../src/services/up/progress.ts';
import { adminSession } from '../../src/services/up/admin-session.ts';
import { blankImage, seedFlavors, seedImage } from '../../src/services/up/seed.ts';
import { seedNetworks } from '../../src/services/up/seed-networks.ts';
import { temporaryDatabase, type TemporaryDatabase } from './database.ts';
import type { WireBody } from './wire-body.ts';

export interface Answer<T = Record<string, never>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

type Service = 'compute' | 'identity' | 'image' | 'network' | 'placement' | 'volumev3';

/** Somebody who asks the cloud, through HTTP only. */
export interface Asker {
  readonly projectId: string;
  readonly token: string;
  ask(
    service: Service,
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer<WireBody>>;
}

/** A whole cloud in this process with hypervisors that pretend, on databases and ports of its own. */
export interface TestCloud {
  readonly cloud: Cloud;
  /** To make hosts fail, or slow. */
  readonly hypervisors: FakeHypervisors;
  readonly admin: Asker;
  readonly imageId: string;
  /** A new user with these roles on a new project. */
  user(...roles: string[]): Promise<Asker>;
  /** The server once it has this status; a server in ERROR that should not be is an error that says why. */
  settled(asker: Asker, serverId: string, status: string): Promise<WireBody>;
  gone(asker: Asker, serverId: string): Promise<void>;
  stop(): Promise<void>;
}

/** Of every account, services' ones included. */
export const password = 'a-password-for-tests';

export async function startTestCloud(conf = '', { log = silentLog }: { readonly log?: Log } = {}): Promise<TestCloud> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-system-'));
  const databases: TemporaryDatabase[] = [];
  const ports = [
    '[DEFAULT]',
    'osapi_compute_listen_port = 0',
    'metadata_listen_port = 0',
    'compute_driver = fake.FakeDriver',
    `state_path = ${directory}`,
    'host = fake',
  ];
  const embedded = [
    '[kilonova]',
    'identity_port = 0',
    'placement_port = 0',
    'image_port = 0',
    'network_port = 0',
    'volume_port = 0',
    'network_data_plane = none',
    'fake_hosts = 2',
  ];
  const consoles = ['[vnc]', 'novncproxy_port = 0', '[serial_console]', 'serialproxy_port = 0', 'enabled = True'];
  const { settings } = readSettings(
    [...ports, ...consoles, ...embedded, '[keystone_authtoken]', `password = ${password}`, conf].join('\n'),
  );
  const servicePasswords = { nova: password, placement: password, glance: password, neutron: password, cinder: password };
  const hypervisors = fakeHypervisors({ clock: systemClock, settings, statePath: null });
  const cloud = await startCloud({
    settings,
    hypervisors,
    secrets: { adminPassword: password, servicePasswords, metadataSecret: 'test', cloudId: settings.kilonova.cloud_id },
    log,
    progress: silentProgress,
    database: async (name) => {
      const made = await temporaryDatabase(() => Promise.resolve(), `system_${name}`);
      databases.push(made);
      return made.url;
    },
  });
  const session = adminSession(cloud, password, log);
  await Promise.all([seedFlavors(cloud), seedNetworks(cloud, session, settings, log)]);
  const imageId = await seedImage(cloud, session, () => Promise.resolve(blankImage()));
  const admin = await asker(cloud, { user: 'admin', project: 'admin' });
  let users = 0;
  return {
    cloud,
    hypervisors,
    admin,
    imageId,
    async user(...roles) {
      const name = `user-${++users}`;
      const project = (await admin.ask('identity', 'POST', '/projects', { project: { name, domain_id: 'default' } })).body.project;
      const user = (await admin.ask('identity', 'POST', '/users', { user: { name, domain_id: 'default', password } })).body.user;
      const known = (await admin.ask('identity', 'GET', '/roles')).body.roles as { id: string; name: string }[];
      for (const role of roles) {
        await admin.ask(
          'identity',
          'PUT',
          `/projects/${project.id}/users/${user.id}/roles/${known.find((candidate) => candidate.name === role)?.id}`,
        );
      }
      return asker(cloud, { user: name, project: name });
    },
    async settled(who, serverId, status) {
      return waitUntil(
        async () => {
          const { body } = await who.ask('compute', 'GET', `/servers/${serverId}`);
          const { server } = body;
          if (server === undefined) throw new Error(`server ${serverId} is gone: ${JSON.stringify(body)}`);
          if (server.status === 'ERROR' && status !== 'ERROR') throw new Error(`server ${serverId} is in ERROR: ${server.fault?.message}`);
          return server.status === status && server['OS-EXT-STS:task_state'] === null ? server : null;
        },
        { clock: systemClock, timeoutMs: 20_000, everyMs: 20, what: `${status} of server ${serverId}` },
      );
    },
    async gone(who, serverId) {
      await waitUntil(async () => ((await who.ask('compute', 'GET', `/servers/${serverId}`)).status === 404 ? true : null), {
        clock: systemClock,
        timeoutMs: 20_000,
        everyMs: 20,
        what: `The end of server ${serverId}`,
      });
    },
    async stop() {
      await cloud.stop();
      await Promise.all(databases.map((database) => database.drop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function asker(cloud: Cloud, { user, project }: { readonly user: string; readonly project: string }): Promise<Asker> {
  const scope = { project: { name: project, domain: { id: 'default' } } };
  const issued = await fetch(`${cloud.authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: { identity: { methods: ['password'], password: { user: { name: user, domain: { id: 'default' }, password } } }, scope },
    }),
  });
  if (issued.status !== 201) throw new Error(`no token for ${user}: ${await issued.text()}`);
  const token = issued.headers.get('x-subject-token') ?? '';
  const { token: claims } = (await issued.json()) as { token: { project: { id: string } } };
  const prefix: Readonly<Record<Service, string>> = {
    compute: '',
    identity: '',
    image: '/v2',
    network: '/v2.0',
    placement: '',
    volumev3: '',
  };
  return {
    projectId: claims.project.id,
    token,
    async ask(service, method, path, body, headers = {}) {
      const answer = await fetch(`${cloud.endpoints[service]}${prefix[service]}${path}`, {
        method,
        headers: {
          'x-auth-token': token,
          ...(service === 'compute' ? { 'openstack-api-version': 'compute 2.93' } : {}),
          ...(service === 'volumev3' ? { 'openstack-api-version': 'volume 3.71' } : {}),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      const isJson = text !== '' && (answer.headers.get('content-type') ?? '').includes('json');
      return {
        status: answer.status,
        headers: answer.headers,
        body: isJson ? (JSON.parse(text) as never) : text === '' ? null : (text as never),
      };
    },
  };
}

import { glob, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AnyAction, AnyRoute, Method } from '../../lib/http/route.ts';
import { conflict, invalid } from '../../lib/errors.ts';
import type { ApiDeps } from './deps.ts';
import { policyRules } from './policy.ts';
import { actionRoutes, routes } from './resources/index.ts';
import { startApiUnderTest, type ApiUnderTest } from './test-support/api-under-test.ts';

/** Who may do what by default, as Nova says it; what stands nowhere here is for administrators. */
const mayDo: Readonly<Record<'anybody' | 'reader' | 'member' | 'manager' | 'themselves' | 'service', readonly string[]>> = {
  anybody: ['os-floating-ip-pools', 'limits', 'extensions', 'os-availability-zone:list', 'os-quota-sets:defaults'],
  reader: [
    'os-networks:list',
    'os-networks:show',
    'os-tenant-networks:list',
    'os-tenant-networks:show',
    'os-floating-ips:list',
    'os-floating-ips:show',
    'os-security-groups:list',
    'os-security-groups:get',
    'compute:server:topology:index',
    'os-security-groups:show',
    'os-server-shares:index',
    'os-server-shares:show',
    'os-volumes:list',
    'os-volumes:detail',
    'os-volumes:show',
    'os-volumes:snapshots:list',
    'os-volumes:snapshots:detail',
    'os-volumes:snapshots:show',
    'servers:index',
    'servers:detail',
    'servers:show',
    'server-metadata:index',
    'server-metadata:show',
    'os-server-tags:index',
    'os-server-tags:show',
    'ips:index',
    'ips:show',
    'os-attach-interfaces:list',
    'os-attach-interfaces:show',
    'os-server-password:show',
    'os-volumes-attachments:index',
    'os-volumes-attachments:show',
    'os-instance-actions:list',
    'os-instance-actions:show',
    'os-flavor-extra-specs:index',
    'os-flavor-extra-specs:show',
    'os-server-groups:index',
    'os-server-groups:show',
    'os-quota-sets:show',
    'os-quota-sets:detail',
    'os-simple-tenant-usage:show',
  ],
  member: [
    'os-attach-interfaces:create',
    'os-volumes-attachments:create',
    'os-volumes-attachments:update',
    'os-volumes-attachments:delete',
    'os-attach-interfaces:delete',
    'os-multinic:add',
    'os-multinic:remove',
    'os-floating-ips:create',
    'os-floating-ips:delete',
    'os-floating-ips:add',
    'os-floating-ips:remove',
    'os-security-groups:add',
    'os-server-shares:create',
    'os-server-shares:delete',
    'os-security-groups:remove',
    'os-security-groups:create',
    'os-security-groups:update',
    'os-security-groups:delete',
    'os-security-groups:rule:create',
    'os-security-groups:rule:delete',
    'os-volumes:create',
    'os-volumes:delete',
    'os-volumes:snapshots:create',
    'os-volumes:snapshots:delete',
    'servers:create',
    'servers:update',
    'servers:delete',
    'servers:start',
    'servers:stop',
    'servers:reboot',
    'servers:resize',
    'servers:confirm_resize',
    'servers:revert_resize',
    'servers:rebuild',
    'servers:rebuild:trusted_certs',
    'servers:create_image',
    'servers:create_image:allow_volume_backed',
    'os-create-backup',
    'os-rescue',
    'os-unrescue',
    'os-shelve:shelve',
    'os-shelve:unshelve',
    'os-deferred-delete:restore',
    'os-deferred-delete:force',
    'os-admin-password',
    'servers:trigger_crash_dump',
    'os-pause-server:pause',
    'os-pause-server:unpause',
    'os-suspend-server:suspend',
    'os-suspend-server:resume',
    'os-lock-server:lock',
    'os-lock-server:unlock',
    'os-console-output',
    'os-remote-consoles',
    'server-metadata:create',
    'server-metadata:update_all',
    'server-metadata:update',
    'server-metadata:delete',
    'os-server-tags:update',
    'os-server-tags:update_all',
    'os-server-tags:delete',
    'os-server-tags:delete_all',
    'os-server-password:clear',
    'os-server-groups:create',
    'os-server-groups:delete',
  ],
  manager: [
    'os-migrate-server:migrate',
    'os-migrate-server:migrate_live',
    'servers:migrations:index',
    'servers:migrations:delete',
    'servers:migrations:force_complete',
    'os-migrations:index',
  ],
  themselves: ['os-keypairs:index', 'os-keypairs:create', 'os-keypairs:show', 'os-keypairs:delete'],
  service: ['os-server-external-events:create', 'os-assisted-volume-snapshots:create', 'os-assisted-volume-snapshots:delete'],
};

/** A route or an action, with a body that fits, so that what refuses is the policy. */
interface Case {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly version: string;
  readonly rule: string;
  readonly body: unknown;
}

const uuid = '11111111-2222-4333-8444-555555555555';
/** What stands under the key of a body (or is the body). */
const contents: Readonly<Record<string, unknown>> = {
  'POST /servers': { server: { name: 'x', flavorRef: 'none', networks: 'none' } },
  'POST /os-volumes_boot': { server: { name: 'x', flavorRef: 'none', networks: 'none' } },
  server: {},
  metadata: {},
  meta: { x: 'y' },
  tags: [],
  extra_specs: {},
  quota_set: {},
  quota_class_set: {},
  flavor: { name: 'x', ram: 1, vcpus: 1, disk: 1, id: 'f1' },
  'PUT /flavors/:flavorId': { description: null },
  'PUT /flavors/:flavorId/os-extra_specs/:key': { x: 'y' },
  keypair: { name: 'x', public_key: 'no key' },
  'PUT /os-services/:serviceId 2.52': { host: 'none', binary: 'nova-compute' },
  'PUT /os-services/:serviceId': { status: 'disabled' },
  aggregate: { name: '0' },
  server_group: { name: 'x', policy: 'affinity' },
  'POST /os-server-external-events': { events: [{ name: 'network-changed', server_uuid: uuid }] },
  reboot: { type: 'HARD' },
  resize: { flavorRef: 'none' },
  'os-migrateLive': { host: null, block_migration: 'auto' },
  evacuate: {},
  rebuild: { imageRef: uuid },
  createImage: { name: 'x' },
  createBackup: { name: 'x', backup_type: 'daily', rotation: 1 },
  rescue: {},
  changePassword: { adminPass: 'x' },
  'os-resetState': { state: 'error' },
  'os-getConsoleOutput': {},
  'os-getVNCConsole': { type: 'novnc' },
  'os-getSPICEConsole': { type: 'spice-html5' },
  'os-getSerialConsole': { type: 'serial' },
  remote_console: { protocol: 'vnc', type: 'novnc' },
  addTenantAccess: { tenant: 'x' },
  removeTenantAccess: { tenant: 'x' },
  add_host: { host: 'x' },
  remove_host: { host: 'x' },
  set_metadata: { metadata: {} },
  'POST /servers/:serverId/os-interface': { interfaceAttachment: { port_id: uuid } },
  volumeAttachment: { volumeId: uuid },
  volume: { size: 1 },
  snapshot: { volume_id: uuid },
  'POST /os-assisted-volume-snapshots': { volume_id: uuid, create_info: { snapshot_id: uuid, type: 'qcow2', new_file: 'x' } },
  addFixedIp: { networkId: uuid },
  removeFixedIp: { address: '203.0.113.1' },
  addFloatingIp: { address: '203.0.113.1' },
  removeFloatingIp: { address: '203.0.113.1' },
  cache: [{ id: uuid }],
  'PUT /os-hosts/:host 2.42': { status: 'enable' },
  share: { share_id: uuid },
  security_group: { name: 'x', description: '' },
  security_group_rule: { parent_group_id: uuid },
  addSecurityGroup: { name: 'x' },
  removeSecurityGroup: { name: 'x' },
};

/** Rules that a handler chooses by what the body says. */
const chosen: Readonly<Record<string, string>> = {
  'PUT /servers/:serverId/os-volume_attachments/:volumeId': 'os_compute_api:os-volumes-attachments:update',
};
/** What a path needs to be asked for something the asker may have. */
const queries: Readonly<Record<string, string>> = {
  'GET /os-migrations': '?project_id=alpha',
};

const caseOfRoute = ({ method, path, until, policy, body }: AnyRoute<ApiDeps>): Case => {
  const key = typeof body === 'object' ? body.key : undefined;
  const named = `${method} ${path}`;
  const content = contents[`${named} ${until ?? ''}`.trim()] ?? contents[named] ?? (key === undefined ? undefined : contents[key]);
  return {
    name: `${named}${until === undefined ? '' : ` until ${until}`}`,
    method,
    path,
    version: until ?? '2.104',
    rule: chosen[named] ?? policy,
    body: key === undefined ? content : { [key]: content },
  };
};
// oxlint-disable-next-line typescript/no-explicit-any -- actions on things of all kinds
const caseOfAction = (path: string, { key, until, policy }: AnyAction<ApiDeps, any>): Case => ({
  name: `${key} of ${path}`,
  method: 'POST',
  path,
  version: until ?? '2.104',
  rule: policy,
  body: { [key]: contents[key] ?? null },
});
const cases = [
  ...routes.map(caseOfRoute),
  ...actionRoutes.flatMap(({ path, actions }) => actions.map((action) => caseOfAction(path, action))),
];

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApiUnderTest();
  await api.flavor({ flavorId: 'f1', name: 'f1' });
  await api.host(
    'host-1',
    {},
    {
      consoleOutput: () => Promise.resolve({ text: '' }),
      console: () => Promise.reject(invalid('')),
      diagnostics: () => Promise.reject(conflict('')),
      topology: () => Promise.resolve({ topology: null }),
    },
  );
});
afterAll(() => api[Symbol.asyncDispose]());

/** The path with things that exist, new ones each time, of project alpha. */
async function fill(path: string): Promise<string> {
  let filled = path;
  if (path.includes(':serverId')) filled = filled.replace(':serverId', (await api.server({ metadata: { x: 'y' } })).id);
  if (path.includes(':groupId')) {
    const { body } = await api.as('alpha.admin')('POST', '/os-server-groups', {
      version: '2.64',
      body: { server_group: { name: 'x', policy: 'affinity' } },
    });
    filled = filled.replace(':groupId', body.server_group.id);
  }
  return filled
    .replace(':flavorId', 'f1')
    .replaceAll(/:(projectOfQuota|tenantId)/g, 'alpha')
    .replace(':aggregateId', '1')
    .replaceAll(/:(hypervisorId|serviceId|portId|volumeId)/g, uuid)
    .replaceAll(/:\w+/g, 'x');
}
const ask = async (who: string | null, { method, path, version, body }: Case) => {
  await api.stores.api.deleteFrom('server_groups').execute(); // which have a quota of their own
  const query = queries[`${method} ${path}`] ?? '';
  return (await api.as(who)(method, `${await fill(path)}${query}`, { version, ...(body === undefined ? {} : { body }) })).status;
};
/** Who asks, in project alpha where nothing else is said. */
const askers = {
  nobody: null,
  'an expired token': 'alpha.admin.expired',
  'another project': 'beta.member',
  service: 'alpha.service',
  reader: 'alpha.reader',
  member: 'alpha.member',
  manager: 'alpha.manager',
  admin: 'alpha.admin',
} as const;
type Asker = keyof typeof askers;
type Verdict = 'no token' | 'refused' | 'not found' | 'let in';

/** Whom each kind of rule lets in, in the own project. */
const letIn: Readonly<Record<keyof typeof mayDo | 'admin', readonly Asker[]>> = {
  anybody: ['service', 'reader', 'member', 'manager', 'admin'],
  themselves: ['service', 'reader', 'member', 'manager', 'admin'],
  reader: ['reader', 'member', 'manager', 'admin'],
  member: ['member', 'manager', 'admin'],
  manager: ['manager', 'admin'],
  service: ['service', 'admin'],
  admin: ['admin'],
};

/** What a route answers everybody, by the table alone. */
function verdicts({ rule, path }: Case): Record<Asker, Verdict> {
  const bare = rule.replace('os_compute_api:', '');
  const may =
    rule === 'authenticated'
      ? 'anybody'
      : ((Object.keys(mayDo) as (keyof typeof mayDo)[]).find((kind) => mayDo[kind].includes(bare)) ?? 'admin');
  const verdict = (who: Asker): Verdict => (letIn[may].includes(who) ? 'let in' : 'refused');
  const ofServer = /:(serverId|groupId)/.test(path) && rule !== 'authenticated';
  const ofProject = /:(projectOfQuota|tenantId)/.test(path) && may !== 'anybody';
  return {
    nobody: 'no token',
    'an expired token': 'no token',
    'another project': ofServer ? 'not found' : ofProject ? 'refused' : verdict('member'), // where nothing is named, it is the asker's own
    service: verdict('service'),
    reader: verdict('reader'),
    member: verdict('member'),
    manager: verdict('manager'),
    admin: verdict('admin'),
  };
}

/** What a status says about the asker. Members are told that what is another project's is not there. */
const verdictOf = (status: number, who: Asker): Verdict | number =>
  status === 401
    ? 'no token'
    : status === 403
      ? 'refused'
      : status === 404 && who === 'another project'
        ? 'not found'
        : status < 500 || status === 501 || status === 503
          ? 'let in'
          : status;

test.each(cases.filter(({ rule }) => rule !== 'public').map((one) => [one.name, one] as const))(
  '%s lets in whom it shall, and nobody else',
  async (_name, one) => {
    const found: Partial<Record<Asker, Verdict | number>> = {};
    const expected = verdicts(one);
    for (const [who, token] of Object.entries(askers) as [Asker, string | null][]) {
      const status = await ask(token, one);
      // things that are nobody's in particular are not there for anybody: that says nothing against being let in
      found[who] = status === 404 && expected[who] === 'let in' ? 'let in' : verdictOf(status, who);
    }
    expect(found).toEqual(expected);
  },
);

test('every rule guards something', async () => {
  const files: string[] = [];
  for await (const file of glob(`${import.meta.dirname}/**/*.ts`)) files.push(file);
  const code = (await Promise.all(files.filter((file) => !/(policy|\.test)\.ts$/.test(file)).map((file) => readFile(file, 'utf8')))).join(
    '\n',
  );
  const asked = new Set(cases.map(({ rule }) => rule));
  const partsOfOthers = /^(context_is_admin|project_\w+|service_\w+)$/;
  const endings = /^os_compute_api:servers:(index|detail):get_all_tenants$/; // built of the list's own rule
  const idle = Object.keys(policyRules).filter(
    (rule) => !asked.has(rule) && !code.includes(`'${rule}'`) && !partsOfOthers.test(rule) && !endings.test(rule),
  );
  expect(idle).toEqual([]);
});

import { sql } from 'kysely';
import { newId, type IdentityDeps } from './deps.ts';
import { isoTime } from './iso-time.ts';
import { machineCost } from './password-hash.ts';
import { revoke } from './revocations.ts';
import type { IdentityExecutor } from './tables.ts';

export interface BootstrapEndpoint {
  /** `compute`, `identity`, `image`, … */
  readonly type: string;
  /** The service's name: `nova`, `keystone`, … */
  readonly name: string;
  readonly url: string;
  /** Where it differs from `url`. */
  readonly internalUrl?: string;
}

export interface BootstrapOptions {
  readonly adminPassword: string;
  /** By the name of the service user: `nova`, `placement`, `glance`, `neutron`, … */
  readonly servicePasswords: Readonly<Record<string, string>>;
  readonly region: string;
  readonly endpoints: readonly BootstrapEndpoint[];
  /** Further projects of domain Default, such as `demo`; the admin is admin on each. */
  readonly projects?: readonly string[];
}

const roleNames = ['admin', 'manager', 'member', 'reader', 'service'] as const;
const implications = [
  ['admin', 'manager'],
  ['manager', 'member'],
  ['member', 'reader'],
] as const;
/** Services that act on what belongs to others besides answering to services. */
const administrators = new Set(['nova', 'neutron', 'cinder', 'glance']);

/** Brings an identity service to the state a cloud begins with. What is there already stays, and endpoints and passwords are made to fit. */
export async function bootstrap(deps: IdentityDeps, options: BootstrapOptions): Promise<void> {
  const { adminPassword, servicePasswords, region, endpoints, projects = [] } = options;
  const users = [
    { name: 'admin', password: adminPassword },
    ...Object.entries(servicePasswords).map(([name, password]) => ({ name, password })),
  ];
  const hashes = new Map(
    await Promise.all(users.map(async ({ name, password }) => [name, await hashUnlessSame(deps, name, password)] as const)),
  );

  await deps.db.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(4242002)`.execute(tx); // several processes may begin at once
    await tx
      .insertInto('domains')
      .values({ ...described('default', 'Default', 'The default domain'), tags: [] })
      .onConflict((c) => c.doNothing())
      .execute();
    const roleIds = new Map<string, string>();
    for (const name of roleNames) roleIds.set(name, await ensureRole(tx, deps, name));
    const roleId = (name: string): string => roleIds.get(name) ?? '';
    for (const [prior, implied] of implications) {
      await tx
        .insertInto('role_implications')
        .values({ prior_id: roleId(prior), implied_id: roleId(implied) })
        .onConflict((c) => c.doNothing())
        .execute();
    }
    const grant = async (userId: string, role: string, projectId: string | null): Promise<void> => {
      const target =
        projectId === null
          ? ({ target_type: 'system', target_id: 'system' } as const)
          : ({ target_type: 'project', target_id: projectId } as const);
      await tx
        .insertInto('role_assignments')
        .values({ actor_type: 'user', actor_id: userId, ...target, role_id: roleId(role), inherited: false })
        .onConflict((c) => c.doNothing())
        .execute();
    };
    const admin = await ensureUser(tx, deps, 'admin', hashes.get('admin') ?? null);
    const renewed = admin.renewed ? [admin.id] : [];
    await grant(admin.id, 'admin', null);
    for (const name of ['admin', ...projects]) await grant(admin.id, 'admin', await ensureProject(tx, deps, name));
    const serviceProject = await ensureProject(tx, deps, 'service');
    for (const name of Object.keys(servicePasswords)) {
      const user = await ensureUser(tx, deps, name, hashes.get(name) ?? null);
      if (user.renewed) renewed.push(user.id);
      await grant(user.id, 'service', serviceProject);
      if (administrators.has(name)) await grant(user.id, 'admin', serviceProject);
    }
    await tx
      .insertInto('regions')
      .values({ id: region, parent_region_id: null, description: '', extra: '{}' })
      .onConflict((c) => c.doNothing())
      .execute();
    for (const endpoint of endpoints) await ensureEndpoint(tx, deps, region, endpoint);
    await revoke(
      tx,
      deps.clock,
      renewed.map((userId) => ({ userId })),
    );
  });
}

/** The hash to store, or null when the user's stored one is of this very password. */
async function hashUnlessSame(deps: IdentityDeps, name: string, password: string): Promise<string | null> {
  const user = await deps.db
    .selectFrom('users')
    .select('password_hash')
    .where('domain_id', '=', 'default')
    .where('name', '=', name)
    .executeTakeFirst();
  const stored = user?.password_hash ?? null;
  if (stored !== null && (await deps.passwords.verify(password, stored))) return null;
  return name !== 'admin' && password.length >= 32 ? deps.passwords.hash(password, machineCost) : deps.passwords.hash(password);
}

const described = (
  id: string,
  name: string,
  description: string,
): { id: string; name: string; description: string; enabled: true; options: string; extra: string } => ({
  id,
  name,
  description,
  enabled: true,
  options: '{}',
  extra: '{}',
});

async function ensureRole(tx: IdentityExecutor, deps: IdentityDeps, name: string): Promise<string> {
  const known = await tx.selectFrom('roles').select('id').where('domain_id', 'is', null).where('name', '=', name).executeTakeFirst();
  if (known !== undefined) return known.id;
  const id = newId(deps);
  await tx
    .insertInto('roles')
    .values({ id, name, domain_id: null, description: '', options: JSON.stringify({ immutable: true }), extra: '{}' })
    .execute();
  return id;
}

async function ensureProject(tx: IdentityExecutor, deps: IdentityDeps, name: string): Promise<string> {
  const known = await tx.selectFrom('projects').select('id').where('domain_id', '=', 'default').where('name', '=', name).executeTakeFirst();
  if (known !== undefined) return known.id;
  const id = newId(deps);
  await tx
    .insertInto('projects')
    .values({ ...described(id, name, ''), domain_id: 'default', parent_id: null, tags: [] })
    .execute();
  return id;
}

async function ensureUser(
  tx: IdentityExecutor,
  deps: IdentityDeps,
  name: string,
  hash: string | null,
): Promise<{ readonly id: string; readonly renewed: boolean }> {
  const known = await tx.selectFrom('users').select('id').where('domain_id', '=', 'default').where('name', '=', name).executeTakeFirst();
  if (known === undefined) {
    const id = newId(deps);
    const user = { id, name, domain_id: 'default', enabled: true, default_project_id: null, options: '{}', extra: '{}' };
    await tx
      .insertInto('users')
      .values({ ...user, password_hash: hash, password_changed_at: isoTime(deps.clock.now()) })
      .execute();
    return { id, renewed: false };
  }
  if (hash !== null) {
    await tx
      .updateTable('users')
      .set({ password_hash: hash, password_changed_at: isoTime(deps.clock.now()), enabled: true })
      .where('id', '=', known.id)
      .execute();
  }
  return { id: known.id, renewed: hash !== null };
}

async function ensureEndpoint(
  tx: IdentityExecutor,
  deps: IdentityDeps,
  region: string,
  { type, name, url, internalUrl }: BootstrapEndpoint,
): Promise<void> {
  const known = await tx.selectFrom('services').select('id').where('type', '=', type).orderBy('id').executeTakeFirst();
  const serviceId = known?.id ?? newId(deps);
  if (known === undefined)
    await tx.insertInto('services').values({ id: serviceId, type, name, description: null, enabled: true, extra: '{}' }).execute();
  const other = internalUrl ?? url;
  const urls = [
    ['public', url],
    ['internal', other],
    ['admin', other],
  ] as const;
  for (const [kind, wanted] of urls) {
    const { numUpdatedRows } = await tx
      .updateTable('endpoints')
      .set({ url: wanted, enabled: true })
      .where('service_id', '=', serviceId)
      .where('region_id', '=', region)
      .where('interface', '=', kind)
      .executeTakeFirst();
    if (numUpdatedRows > 0n) continue;
    await tx
      .insertInto('endpoints')
      .values({
        id: newId(deps),
        service_id: serviceId,
        region_id: region,
        interface: kind,
        url: wanted,
        name: null,
        enabled: true,
        extra: '{}',
      })
      .execute();
  }
}

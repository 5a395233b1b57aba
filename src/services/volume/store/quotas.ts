import { sql } from 'kysely';
import { overQuota } from '../../../lib/errors.ts';
import type { VolumeSettings } from '../settings.ts';
import type { VolumeDatabase, VolumeExecutor } from '../tables.ts';

export const quotaResources = [
  'volumes',
  'snapshots',
  'gigabytes',
  'per_volume_gigabytes',
  'backups',
  'backup_gigabytes',
  'groups',
] as const;
export type QuotaResource = (typeof quotaResources)[number];
export type QuotaValues = Readonly<Record<QuotaResource, number>>;

export const defaultClass = 'class:default';

const fromSettings = ({ quotaVolumes, quotaSnapshots, quotaGigabytes, perVolumeSizeLimit }: VolumeSettings): QuotaValues => ({
  volumes: quotaVolumes,
  snapshots: quotaSnapshots,
  gigabytes: quotaGigabytes,
  per_volume_gigabytes: perVolumeSizeLimit,
  backups: 10,
  backup_gigabytes: 1000,
  groups: 10,
});

/** What a project may have: its own quota, the default class's, the settings'. */
export async function limitsOf(db: VolumeExecutor, settings: VolumeSettings, projectId: string | null): Promise<QuotaValues> {
  const scopes = projectId === null ? [defaultClass] : [defaultClass, projectId];
  const rows = await db.selectFrom('quota_limits').selectAll().where('scope', 'in', scopes).execute();
  const of = (scope: string) => Object.fromEntries(rows.filter((row) => row.scope === scope).map((row) => [row.resource, row.hard_limit]));
  return { ...fromSettings(settings), ...of(defaultClass), ...(projectId === null ? {} : of(projectId)) };
}

export async function setLimits(db: VolumeDatabase, scope: string, limits: Readonly<Record<string, number>>): Promise<void> {
  await db.transaction().execute(async (tx) => {
    for (const [resource, hard_limit] of Object.entries(limits)) {
      await tx
        .insertInto('quota_limits')
        .values({ scope, resource, hard_limit })
        .onConflict((c) => c.columns(['scope', 'resource']).doUpdateSet({ hard_limit }))
        .execute();
    }
  });
}

export const dropLimits = async (db: VolumeExecutor, scope: string): Promise<void> => {
  await db.deleteFrom('quota_limits').where('scope', '=', scope).execute();
};

/** What a project has, counted: volumes that are to grow as large as they will be. */
export async function usageOf(db: VolumeExecutor, projectId: string): Promise<QuotaValues> {
  const { rows } = await sql<{ volumes: number; snapshots: number; gigabytes: number }>`
    SELECT (SELECT count(*) FROM volumes WHERE project_id = ${projectId}) AS volumes,
           (SELECT count(*) FROM snapshots WHERE project_id = ${projectId}) AS snapshots,
           (SELECT coalesce(sum(size), 0) FROM volumes WHERE project_id = ${projectId})
             + (SELECT coalesce(sum(size), 0) FROM snapshots WHERE project_id = ${projectId})
             + (SELECT coalesce(sum(greatest((tasks.params->>'size')::bigint - volumes.size, 0)), 0) FROM tasks JOIN volumes ON volumes.id::text = tasks.subject
                WHERE tasks.kind = 'extend-volume' AND volumes.status = 'extending' AND volumes.project_id = ${projectId}) AS gigabytes`.execute(
    db,
  );
  const { volumes = 0, snapshots = 0, gigabytes = 0 } = rows[0] ?? {};
  return { volumes, snapshots, gigabytes: Number(gigabytes), per_volume_gigabytes: 0, backups: 0, backup_gigabytes: 0, groups: 0 };
}

/** Refuses what would be too much. Until the transaction ends, nobody else takes from the same quota. */
export async function takeQuota(
  tx: VolumeExecutor,
  settings: VolumeSettings,
  projectId: string,
  wanted: { readonly volumes?: number; readonly snapshots?: number; readonly gigabytes?: number; readonly size?: number },
): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`quota ${projectId}`}, 8776))`.execute(tx);
  const [limits, used] = [await limitsOf(tx, settings, projectId), await usageOf(tx, projectId)];
  const { size = 0 } = wanted;
  if (limits.per_volume_gigabytes >= 0 && size > limits.per_volume_gigabytes)
    throw overQuota(`Requested volume size ${size}G is larger than maximum allowed limit ${limits.per_volume_gigabytes}G.`);
  const over = (resource: 'volumes' | 'snapshots' | 'gigabytes'): boolean =>
    limits[resource] >= 0 && (wanted[resource] ?? 0) > 0 && used[resource] + (wanted[resource] ?? 0) > limits[resource];
  if (over('gigabytes'))
    throw overQuota(
      `Requested volume or snapshot exceeds allowed gigabytes quota. Requested ${wanted.gigabytes}G, quota is ${limits.gigabytes}G and ${used.gigabytes}G has been consumed.`,
    );
  if (over('volumes')) throw overQuota(`Maximum number of volumes allowed (${limits.volumes}) exceeded for quota 'volumes'.`);
  if (over('snapshots')) throw overQuota(`Maximum number of snapshots allowed (${limits.snapshots}) exceeded for quota 'snapshots'.`);
}

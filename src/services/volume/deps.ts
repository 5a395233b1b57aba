import type { ImageClient } from '../../clients/image.ts';
import type { Session } from '../../clients/session.ts';
import type { Clock } from '../../lib/clock.ts';
import { routeFactory, type RequestContext } from '../../lib/http/route.ts';
import { normalizeUuid, type IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import type { PolicyTarget } from '../../lib/policy/policy.ts';
import type { Caller } from '../../lib/http/caller.ts';
import type { VolumeBackend } from './backends/backend.ts';
import type { KeyStore } from './backends/keys.ts';
import type { VolumeRule } from './policy.ts';
import type { SnapshotRecord, VolumeRecord } from './records.ts';
import type { VolumeSettings } from './settings.ts';
import { findSnapshot, snapshotNotFound } from './store/snapshots.ts';
import { findVolume, volumeNotFound } from './store/volumes.ts';
import type { VolumeDatabase } from './tables.ts';

/** What the handlers and the tasks of the volume service are given. */
export interface VolumeDeps {
  readonly database: VolumeDatabase;
  readonly backend: VolumeBackend;
  readonly keys: KeyStore;
  readonly settings: VolumeSettings;
  readonly image: Pick<ImageClient, 'show' | 'create' | 'upload' | 'download' | 'delete'>;
  /** The service's own session. */
  readonly session: Session;
  readonly sessionOf: (caller: Caller) => Session;
  /** Tells compute of what has happened to a server's volume. */
  readonly tellCompute: (event: ComputeEvent) => Promise<void>;
  /** There is a new task. */
  readonly nudge: () => void;
  /** For files that are on their way; emptied at the start. */
  readonly scratch: string;
  readonly host: string;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

export interface ComputeEvent {
  readonly name: 'volume-extended' | 'volume-reimaged';
  readonly serverId: string;
  readonly volumeId: string;
  readonly status: 'completed' | 'failed';
}

export const volumeRoute = routeFactory<VolumeDeps, VolumeRule>();
export const nowOf = ({ clock }: Pick<VolumeDeps, 'clock'>): Date => new Date(clock.now());

/** Whether the caller may know of what belongs to this project. */
export const mayKnow = (ctx: RequestContext, projectId: string): boolean =>
  ctx.caller.projectId === projectId || ctx.can('context_is_admin');

/** The volume a path names, as far as the caller may know of it: 404 otherwise, as if there were none. */
export async function visibleVolume(deps: Pick<VolumeDeps, 'database'>, ctx: RequestContext, text: string): Promise<VolumeRecord> {
  const id = normalizeUuid(text);
  const volume = id === null ? null : await findVolume(deps.database, id);
  if (volume === null || !mayKnow(ctx, volume.projectId)) throw volumeNotFound(text);
  return volume;
}

export async function visibleSnapshot(deps: Pick<VolumeDeps, 'database'>, ctx: RequestContext, text: string): Promise<SnapshotRecord> {
  const id = normalizeUuid(text);
  const snapshot = id === null ? null : await findSnapshot(deps.database, id);
  if (snapshot === null || !mayKnow(ctx, snapshot.projectId)) throw snapshotNotFound(text);
  return snapshot;
}

export const ownedBy = ({ projectId }: { readonly projectId: string }): PolicyTarget => ({ project_id: projectId });

/** The `load` and `target` of routes whose path names a volume. */
export const ofVolume = {
  load: ({
    params,
    ctx,
    deps,
  }: {
    readonly params: { readonly volumeId: string };
    readonly ctx: RequestContext;
    readonly deps: VolumeDeps;
  }): Promise<VolumeRecord> => visibleVolume(deps, ctx, params.volumeId),
  target: ownedBy,
};

export const ofSnapshot = {
  load: ({
    params,
    ctx,
    deps,
  }: {
    readonly params: { readonly snapshotId: string };
    readonly ctx: RequestContext;
    readonly deps: VolumeDeps;
  }): Promise<SnapshotRecord> => visibleSnapshot(deps, ctx, params.snapshotId),
  target: ownedBy,
};

/** What a request must not be done twice by, as the caller's own name for it; null when it has none. */
export function repeatKey(ctx: RequestContext, what: string): string | null {
  const key = ctx.headers['idempotency-key'];
  return typeof key === 'string' && key !== '' && key.length <= 255 ? `${what} ${ctx.caller.userId} ${key}` : null;
}

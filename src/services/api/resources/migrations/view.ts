import Type from 'typebox';
import type { Move, MoveStatus } from '../../../../domain/move.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { versionedView, type ViewField } from '../../../../lib/http/versioned-view.ts';
import { microseconds } from '../../dates.ts';
import { links } from '../../links.ts';

/** Statuses of a live migration that is shown below its server. */
export const inProgress: readonly MoveStatus[] = ['queued', 'preparing', 'running', 'post-migrating'];

const Text = Type.String();
const MaybeText = Type.Union([Text, Type.Null()]);
const MaybeInteger = Type.Union([Type.Integer(), Type.Null()]);
type Field = ViewField<Move, RequestContext>;

/** From where to where: null for callers whom the rule refuses. */
const places = (rule: string) => {
  const place = (get: (move: Move) => string | null): Field => ({
    type: MaybeText,
    get: (move, ctx) => (ctx.can(rule, { project_id: move.projectId }) ? get(move) : null),
  });
  return {
    source_compute: place((move) => move.sourceHost),
    source_node: place((move) => move.sourceNode),
    dest_compute: place((move) => move.destHost),
    dest_host: place((move) => move.destIp),
    dest_node: place((move) => move.destNode),
  };
};
const dates = {
  created_at: { type: Text, get: (move) => microseconds(move.createdAt) },
  updated_at: { type: MaybeText, get: (move) => microseconds(move.updatedAt) },
} satisfies Readonly<Record<string, Field>>;
const owners = {
  uuid: { since: '2.59', type: Text, get: (move) => move.id },
  user_id: { since: '2.80', type: Text, get: (move) => move.userId },
  project_id: { since: '2.80', type: Text, get: (move) => move.projectId },
} satisfies Readonly<Record<string, Field>>;

/** A move as the list of all of them shows it. */
export const migrationView = versionedView<Move, RequestContext>('Migration', {
  id: { type: Type.Integer(), get: (move) => move.rowId },
  instance_uuid: { type: Text, get: (move) => move.instanceId },
  status: { type: Text, get: (move) => move.status },
  ...places('os_compute_api:os-migrations:index:host'),
  old_instance_type_id: { type: MaybeInteger, get: (move) => move.oldFlavorId },
  new_instance_type_id: { type: MaybeInteger, get: (move) => move.newFlavorId },
  ...dates,
  migration_type: { since: '2.23', type: Text, get: (move) => move.type },
  links: {
    since: '2.23',
    type: Type.Optional(Type.Array(Type.Unknown())),
    get: (move, ctx) =>
      move.type === 'live-migration' && inProgress.includes(move.status)
        ? links(ctx, `servers/${move.instanceId}/migrations`, String(move.rowId))
        : undefined,
  },
  ...owners,
});

/** A live migration as it is shown below its server. */
export const serverMigrationView = versionedView<Move, RequestContext>('ServerMigration', {
  id: { type: Type.Integer(), get: (move) => move.rowId },
  server_uuid: { type: Text, get: (move) => move.instanceId },
  status: { type: Text, get: (move) => move.status },
  ...places('os_compute_api:servers:migrations:index:host'),
  memory_total_bytes: { type: MaybeInteger, get: ({ progress }) => progress?.memoryTotal ?? null },
  memory_processed_bytes: { type: MaybeInteger, get: ({ progress }) => progress?.memoryProcessed ?? null },
  memory_remaining_bytes: { type: MaybeInteger, get: ({ progress }) => progress?.memoryRemaining ?? null },
  disk_total_bytes: { type: MaybeInteger, get: ({ progress }) => progress?.diskTotal ?? null },
  disk_processed_bytes: { type: MaybeInteger, get: ({ progress }) => progress?.diskProcessed ?? null },
  disk_remaining_bytes: { type: MaybeInteger, get: ({ progress }) => progress?.diskRemaining ?? null },
  ...dates,
  ...owners,
});

import type { InstanceId } from './instance.ts';

/** Ways an instance changes its host or its flavor, by Nova's names. */
export type MoveType = 'resize' | 'migration' | 'live-migration' | 'evacuation';

/** Where a move stands, by Nova's names. A resize that is `finished` waits for its user; an evacuation that is `done` waits for its old host. */
export type MoveStatus =
  | 'accepted'
  | 'queued'
  | 'preparing'
  | 'running'
  | 'pre-migrating'
  | 'migrating'
  | 'post-migrating'
  | 'finished'
  | 'confirming'
  | 'confirmed'
  | 'reverting'
  | 'reverted'
  | 'done'
  | 'completed'
  | 'cancelled'
  | 'failed'
  | 'error';

/** Statuses in which nothing is done any more, nor waited for. */
export const endedMoves = ['confirmed', 'reverted', 'completed', 'cancelled', 'failed', 'error'] as const satisfies readonly MoveStatus[];
/** Statuses in which something is waited for, no saga being under way: the move holds what the instance had on its source. */
export const restingMoves = ['finished', 'done'] as const satisfies readonly MoveStatus[];
/** How far a live migration is, in bytes. */
export interface MoveProgress {
  readonly memoryTotal: number;
  readonly memoryProcessed: number;
  readonly memoryRemaining: number;
  readonly diskTotal: number;
  readonly diskProcessed: number;
  readonly diskRemaining: number;
}

/** A move of an instance: Nova's migration. Dates are ISO 8601 in UTC. */
export interface Move {
  readonly rowId: number;
  /** The saga that does it, and the consumer that holds what the instance had on its source. */
  readonly id: string;
  readonly instanceId: InstanceId;
  readonly projectId: string;
  readonly userId: string;
  readonly type: MoveType;
  readonly status: MoveStatus;
  readonly sourceHost: string;
  readonly sourceNode: string;
  readonly destHost: string | null;
  readonly destNode: string | null;
  readonly destIp: string | null;
  /** Row numbers of flavors. */
  readonly oldFlavorId: number | null;
  readonly newFlavorId: number | null;
  readonly hidden: boolean;
  /** Null until something was measured. */
  readonly progress: MoveProgress | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

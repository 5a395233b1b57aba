import type { MoveSummary } from '../../../../contracts/operator.ts';
import { endedMoves } from '../../../../domain/move.ts';
import { openAndEndedMoves } from '../../../../store/moves.ts';
import type { ApiDeps } from '../../deps.ts';

/** Moves that have not ended, then so many that have, newest first. */
export async function moveSummaries({ stores }: ApiDeps, ended: number): Promise<readonly MoveSummary[]> {
  const over: readonly string[] = endedMoves;
  const pages = await Promise.all(
    stores.cells().map(async ({ name: cell, database }) =>
      (await openAndEndedMoves(database, ended)).map(
        ({ id, instanceId, type, status, sourceHost, destHost, progress, createdAt, updatedAt }): MoveSummary => ({
          id,
          cell,
          serverId: instanceId,
          type,
          status,
          ended: over.includes(status),
          sourceHost,
          destHost,
          progress,
          createdAt: new Date(createdAt).toISOString(),
          updatedAt: new Date(updatedAt).toISOString(),
        }),
      ),
    ),
  );
  const all = pages.flat();
  const newest = (of: 'createdAt' | 'updatedAt') => (a: MoveSummary, b: MoveSummary) => b[of].localeCompare(a[of]);
  return [
    ...all.filter((move) => !move.ended).toSorted(newest('createdAt')),
    ...all
      .filter((move) => move.ended)
      .toSorted(newest('updatedAt'))
      .slice(0, ended),
  ];
}

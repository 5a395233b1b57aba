import type { MoveSummary } from '../../contracts/operator.ts';
import { ago, textTable } from './text-table.ts';

const mebi = 1024 ** 2;

export function movesText(moves: readonly MoveSummary[], now: number): string {
  if (moves.length === 0) return 'Nothing has moved yet.\n';
  const rows = moves.map((move) => [
    move.id,
    move.serverId,
    move.type,
    move.status,
    move.sourceHost,
    move.destHost ?? '–',
    move.ended ? '' : progressText(move.progress),
    ago(move.createdAt, now),
    ago(move.updatedAt, now),
  ]);
  return textTable(['MOVE', 'SERVER', 'TYPE', 'STATUS', 'FROM', 'TO', 'PROGRESS', 'BEGUN', 'LAST'], rows);
}

/** How far memory and disks are; what goes on changing is copied again, so that more can be done than there is. */
function progressText(progress: MoveSummary['progress']): string {
  if (progress === null) return '';
  const part = (name: string, total: number, processed: number, remaining: number): readonly string[] =>
    total === 0
      ? []
      : [
          `${name} ${Math.min(100, Math.floor((processed / total) * 100))} % of ${Math.ceil(total / mebi)} MiB, ${Math.ceil(remaining / mebi)} MiB to go`,
        ];
  return [
    ...part('memory', progress.memoryTotal, progress.memoryProcessed, progress.memoryRemaining),
    ...part('disk', progress.diskTotal, progress.diskProcessed, progress.diskRemaining),
  ].join('; ');
}

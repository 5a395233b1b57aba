import type { FittedCell, GuestCell, GuestTopology } from './guest-topology.ts';
import type { HostCell } from './host-topology.ts';
import { choosePageSize, fitsOrdinaryPages } from './page-size.ts';
import { countFreeDedicated, pinCpus } from './pin-cpus.ts';

/** How far a host's nodes may be overcommitted by guests whose processors float. Null does not look. */
export interface OvercommitLimits {
  readonly cpuRatio: number;
  readonly memoryRatio: number;
}

type Wish = Pick<GuestTopology, 'cpuPolicy' | 'cpuThreadPolicy' | 'pageSize'>;

/** One node of a guest on one node of a host, with `reserve` processors for the emulator; a text says why it does not fit. */
export function fitCell(
  host: HostCell,
  cell: GuestCell,
  wish: Wish,
  reserve: number,
  limits: OvercommitLimits | null,
): FittedCell | string {
  const pageSizeKb = wish.pageSize === null ? null : choosePageSize(host, wish.pageSize, cell.memoryMb);
  if (wish.pageSize !== null && pageSizeKb === null)
    return `it has no ${String(wish.pageSize)} pages${typeof wish.pageSize === 'number' ? ' (KiB)' : ''} for ${cell.memoryMb} MB`;
  const dedicated = wish.cpuPolicy !== 'shared';
  const memory = wish.pageSize === null ? memoryRefusal(host, cell, dedicated, limits) : null;
  if (memory !== null) return memory;
  const floating = floatingRefusal(host, cell, limits);
  if (floating !== null) return floating;
  const fitted = { ...cell, hostCell: host.id, pageSizeKb, pinning: {}, reservedCpus: [], shadowedCpus: [] };
  if (!dedicated) return fitted;
  const needed = cell.pinnedCpus.length + reserve;
  if (needed === 0) return fitted;
  const free = countFreeDedicated(host);
  if (needed > free) return `it has ${free} free dedicated processors, of ${needed}`;
  const pinned = pinCpus(host, cell.pinnedCpus, wish.cpuThreadPolicy, reserve);
  return typeof pinned === 'string' ? pinned : { ...fitted, ...pinned };
}

function memoryRefusal(host: HostCell, { memoryMb }: GuestCell, dedicated: boolean, limits: OvercommitLimits | null): string | null {
  if (dedicated) {
    if (host.pages.length > 0) return fitsOrdinaryPages(host, memoryMb, 'free') ? null : `it has no free pages for ${memoryMb} MB`;
    const free = host.memoryMb - host.memoryUsageMb;
    return free >= memoryMb ? null : `it has ${free} MB of free memory, of ${memoryMb}`;
  }
  if (host.memoryMb < memoryMb) return `it has ${host.memoryMb} MB of memory, of ${memoryMb}`;
  if (!fitsOrdinaryPages(host, memoryMb, 'total')) return `its ordinary pages do not hold ${memoryMb} MB`;
  if (limits !== null && host.memoryUsageMb + memoryMb > host.memoryMb * limits.memoryRatio) return `its memory is taken`;
  return null;
}

function floatingRefusal(host: HostCell, { cpus }: GuestCell, limits: OvercommitLimits | null): string | null {
  if (cpus.length === 0) return null;
  if (cpus.length > host.sharedCpus.length) return `it has ${host.sharedCpus.length} processors for ${cpus.length} floating vCPUs`;
  if (limits !== null && host.cpuUsage + cpus.length > host.sharedCpus.length * limits.cpuRatio) return 'its processors are taken';
  return null;
}

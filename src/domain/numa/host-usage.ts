import type { FittedCell, FittedTopology } from './guest-topology.ts';
import type { HostCell, HostTopology, MemoryPages } from './host-topology.ts';

/** The host with a guest more. */
export const hostWith = (host: HostTopology, guest: FittedTopology): HostTopology => changed(host, guest, 1);

/** The host without a guest it had: the mirror of `hostWith`. */
export const hostWithout = (host: HostTopology, guest: FittedTopology): HostTopology => changed(host, guest, -1);

function changed({ cells }: HostTopology, guest: FittedTopology, sign: 1 | -1): HostTopology {
  return {
    cells: cells.map((cell) =>
      guest.cells.filter(({ hostCell }) => hostCell === cell.id).reduce((now, part) => changedCell(now, part, sign), cell),
    ),
  };
}

function changedCell(cell: HostCell, part: FittedCell, sign: 1 | -1): HostCell {
  const own = [...Object.values(part.pinning), ...part.reservedCpus, ...part.shadowedCpus];
  return {
    ...cell,
    cpuUsage: Math.max(0, cell.cpuUsage + sign * part.cpus.length),
    memoryUsageMb: Math.max(0, cell.memoryUsageMb + sign * part.memoryMb),
    pinnedCpus:
      sign > 0 ? [...new Set([...cell.pinnedCpus, ...own])].toSorted((a, b) => a - b) : cell.pinnedCpus.filter((cpu) => !own.includes(cpu)),
    pages: changedPages(cell.pages, part, sign),
  };
}

function changedPages(pages: readonly MemoryPages[], part: FittedCell, sign: 1 | -1): readonly MemoryPages[] {
  const size = part.pageSizeKb ?? Math.min(...pages.map(({ sizeKb }) => sizeKb));
  const used = sign * Math.ceil((part.memoryMb * 1024) / size);
  return pages.map((entry) => (entry.sizeKb === size ? { ...entry, used: Math.max(0, entry.used + used) } : entry));
}

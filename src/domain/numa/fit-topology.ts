import { fitCell, type OvercommitLimits } from './fit-cell.ts';
import type { FittedCell, FittedTopology, GuestTopology } from './guest-topology.ts';
import { freeDedicatedCpus, type HostCell, type HostTopology } from './host-topology.ts';

export interface FitContext {
  readonly limits: OvercommitLimits | null;
  /** `[compute] packing_host_numa_cells_allocation_strategy`: fill nodes one after the other rather than evenly. */
  readonly packing: boolean;
  /** PCI devices on each node, by its id; null when the guest wants none. */
  readonly pciDevices: ReadonlyMap<number, number>;
  readonly wantsPci: boolean;
  /** Whether the PCI devices the guest wants are to be had from these nodes. */
  readonly pciFits: (hostCells: readonly number[]) => boolean;
  readonly network: { readonly physnets: readonly string[]; readonly tunneled: boolean };
}

export const plainContext: FitContext = {
  limits: null,
  packing: false,
  pciDevices: new Map(),
  wantsPci: false,
  pciFits: () => true,
  network: { physnets: [], tunneled: false },
};

export type Fit = { readonly fitted: FittedTopology } | { readonly because: string };

/** Lays a guest out on a host. The same in the scheduler, which asks whether it fits, and on the host, which does it. */
export function fitTopology(host: HostTopology, guest: GuestTopology, context: FitContext = plainContext): Fit {
  if (host.cells.length < guest.cells.length)
    return { because: `it has ${host.cells.length} NUMA nodes, and ${guest.cells.length} are asked for` };
  const cells = host.cells.length > guest.cells.length ? inOrder(host, guest, context) : host.cells;
  const known = new Map<string, FittedCell | string>();
  const tried = new Set<string>();
  const one = (cell: HostCell, index: number): FittedCell | string => {
    const key = `${cell.id}/${index}`;
    const found = known.get(key) ?? fitCell(cell, guest.cells[index]!, guest, reserveOn(guest, index), context.limits);
    known.set(key, found);
    if (typeof found === 'string') tried.add(found);
    return found;
  };
  const search = (chosen: readonly FittedCell[], used: ReadonlySet<number>): readonly FittedCell[] | null => {
    if (chosen.length === guest.cells.length) {
      const nodes = chosen.map(({ hostCell }) => hostCell);
      if (!context.pciFits(nodes)) {
        tried.add('its PCI devices are not near enough');
        return null;
      }
      if (!reachesNetworks(host, nodes, context.network)) {
        tried.add('its network cards are on other NUMA nodes');
        return null;
      }
      return chosen;
    }
    for (const cell of cells) {
      if (used.has(cell.id)) continue;
      const fitted = one(cell, chosen.length);
      if (typeof fitted === 'string') continue;
      const found = search([...chosen, fitted], new Set([...used, cell.id]));
      if (found !== null) return found;
    }
    return null;
  };
  const found = search([], new Set());
  if (found === null) return { because: [...tried][0] ?? 'no choice of its NUMA nodes fits' };
  const { cells: _, ...wish } = guest;
  return { fitted: { ...wish, cells: found } };
}

/** The emulator of a guest that isolates it has a processor on the guest's first node. */
const reserveOn = (guest: GuestTopology, index: number): number => (guest.emulatorThreads === 'isolate' && index === 0 ? 1 : 0);

/** Nodes in the order they are tried: those with PCI devices first or last, then by what is free. */
function inOrder(
  { cells }: HostTopology,
  { cpuPolicy }: GuestTopology,
  { packing, pciDevices, wantsPci }: FitContext,
): readonly HostCell[] {
  const free = (cell: HostCell): number => cell.memoryMb - cell.memoryUsageMb;
  const busy = (cell: HostCell): number => (cpuPolicy === 'shared' ? cell.cpuUsage : -freeDedicatedCpus(cell).length);
  const devices = (cell: HostCell): number => pciDevices.get(cell.id) ?? 0;
  const direction = packing ? -1 : 1;
  return cells
    .toSorted((a, b) => direction * (free(b) - free(a)))
    .toSorted((a, b) => direction * (busy(a) - busy(b)))
    .toSorted((a, b) => (wantsPci ? devices(b) - devices(a) : devices(a) - devices(b)));
}

/** Every network with cards on known nodes must have one on a chosen node. */
function reachesNetworks({ cells }: HostTopology, chosen: readonly number[], { physnets, tunneled }: FitContext['network']): boolean {
  const reaches = (has: (cell: HostCell) => boolean): boolean => {
    const near = cells.filter(has);
    return near.length === 0 || near.some((cell) => chosen.includes(cell.id));
  };
  return physnets.every((physnet) => reaches((cell) => cell.physnets.includes(physnet))) && (!tunneled || reaches((cell) => cell.tunneled));
}

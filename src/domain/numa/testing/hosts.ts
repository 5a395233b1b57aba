import type { HostCell, HostTopology } from '../host-topology.ts';

/** A NUMA node for tests: four cores of two threads (0+4, 1+5, …), 4 GiB. */
export const hostCell = (changes: Partial<HostCell> = {}): HostCell => ({
  id: 0,
  sharedCpus: [0, 1, 2, 3, 4, 5, 6, 7],
  dedicatedCpus: [0, 1, 2, 3, 4, 5, 6, 7],
  cpuUsage: 0,
  pinnedCpus: [],
  siblings: [
    [0, 4],
    [1, 5],
    [2, 6],
    [3, 7],
  ],
  memoryMb: 4096,
  memoryUsageMb: 0,
  socket: 0,
  pages: [],
  physnets: [],
  tunneled: false,
  ...changes,
});

/** Nodes of four processors without threads. */
export const plainHost = (...nodes: readonly Partial<HostCell>[]): HostTopology => ({
  cells: nodes.map((changes, id) => {
    const cpus = [0, 1, 2, 3].map((cpu) => cpu + 4 * id);
    return hostCell({ id, socket: id, sharedCpus: cpus, dedicatedCpus: cpus, siblings: cpus.map((cpu) => [cpu]), ...changes });
  }),
});

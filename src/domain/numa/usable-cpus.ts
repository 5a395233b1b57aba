import type { HostCell, HostTopology } from './host-topology.ts';

/** Processors the operator has set apart (`[compute]`); null where a set is not said. */
export interface CpuSets {
  readonly shared: readonly number[] | null;
  readonly dedicated: readonly number[] | null;
}

/** A host's nodes with the processors guests may use: without any set, all of them and for both purposes; with one alone, none for the other. */
export function withUsableCpus({ cells }: HostTopology, { shared, dedicated }: CpuSets): HostTopology {
  const within = (cpus: readonly number[], set: readonly number[] | null, otherwise: readonly number[]): readonly number[] =>
    set === null ? otherwise : cpus.filter((cpu) => set.includes(cpu));
  return {
    cells: cells.map((cell): HostCell => {
      const all = [...new Set([...cell.sharedCpus, ...cell.dedicatedCpus])].toSorted((a, b) => a - b);
      const sharedCpus = within(all, shared, dedicated === null ? all : []);
      const dedicatedCpus = within(all, dedicated, shared === null ? all : []);
      const usable = new Set([...sharedCpus, ...dedicatedCpus]);
      return {
        ...cell,
        sharedCpus,
        dedicatedCpus,
        siblings: cell.siblings.map((core) => core.filter((cpu) => usable.has(cpu))).filter((core) => core.length > 0),
      };
    }),
  };
}

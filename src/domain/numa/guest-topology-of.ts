import { invalid } from '../../lib/errors.ts';
import { cpuPlacementOf } from './cpu-policies.ts';
import { parseCpuSet } from './cpu-set.ts';
import type { GuestCell, GuestTopology, PageSizeWish } from './guest-topology.ts';
import { flagOf, isYes, wishOf, type Wishes } from './wishes.ts';

/** The NUMA layout flavor and image ask for; null when they ask for none. What contradicts itself is refused as `invalid`. */
export function guestTopologyOf(wishes: Wishes): GuestTopology | null {
  const placement = cpuPlacementOf(wishes);
  const pageSize = pageSizeOf(wishes);
  judgeLockedMemory(wishes, pageSize);
  const nodes = nodesOf(wishes);
  const persistentMemory = wishOf(wishes, 'pmem').flavor !== null;
  if (nodes === null && pageSize === null && !persistentMemory && placement.policy === 'shared') {
    return null;
  }
  const pinned = new Set(placement.pinned);
  const cells = layoutOf(wishes, nodes ?? 1).map(({ cpus, memoryMb }, id): GuestCell => ({
    id,
    cpus: cpus.filter((cpu) => !pinned.has(cpu)),
    pinnedCpus: cpus.filter((cpu) => pinned.has(cpu)),
    memoryMb,
  }));
  return {
    cells,
    cpuPolicy: placement.policy,
    cpuThreadPolicy: placement.threadPolicy,
    emulatorThreads: placement.emulatorThreads,
    pageSize,
  };
}

/** Memory that may not be swapped must be known in pages; encrypted memory is locked anyway. */
function judgeLockedMemory(wishes: Wishes, pageSize: PageSizeWish | null): void {
  const { flavor, image } = wishOf(wishes, 'locked_memory');
  if (flavor !== null && image !== null && isYes(flavor) !== isYes(image))
    throw invalid("The flavor's 'hw:locked_memory' and the image's 'hw_locked_memory' contradict each other.");
  if ((isYes(flavor) || isYes(image)) && pageSize === null && !flagOf(wishes, 'mem_encryption'))
    throw invalid("Locked memory ('hw:locked_memory') needs a memory page size ('hw:mem_page_size').");
}

function nodesOf(wishes: Wishes): number | null {
  const { flavor, image } = wishOf(wishes, 'numa_nodes');
  if (flavor !== null && image !== null)
    throw invalid("Image property 'hw_numa_nodes' is not permitted to override NUMA configuration set against the flavor.");
  const text = flavor ?? image;
  if (text === null) return null;
  if (!/^\d{1,4}$/.test(text) || Number(text) < 1)
    throw invalid(`The property 'numa_nodes' cannot be '${text}'. It must be a number greater than 0.`);
  return Number(text);
}

/** vCPUs and memory of each node: as they are listed, else shared out evenly. */
function layoutOf(wishes: Wishes, nodes: number): readonly { readonly cpus: readonly number[]; readonly memoryMb: number }[] {
  const { vcpus, memoryMb } = wishes.flavor;
  const listed = Array.from({ length: nodes }, (_, node) => ({
    cpus: entryOf(wishes, `numa_cpus.${node}`),
    memory: entryOf(wishes, `numa_mem.${node}`),
  }));
  if (listsBeyond(wishes, nodes)) throw invalid('More NUMA nodes are listed (numa_cpus, numa_mem) than the guest has (numa_nodes).');
  if (listed.every(({ cpus, memory }) => cpus === null && memory === null)) {
    if (vcpus % nodes !== 0 || memoryMb % nodes !== 0)
      throw invalid(
        'Instance CPUs and/or memory cannot be evenly distributed across instance NUMA nodes. Explicit assignment of CPUs and memory to nodes is required.',
      );
    const each = vcpus / nodes;
    return listed.map((_, node) => ({ cpus: Array.from({ length: each }, (__, cpu) => node * each + cpu), memoryMb: memoryMb / nodes }));
  }
  const layout = listed.map(({ cpus, memory }) => {
    if (cpus === null || memory === null || !/^\d{1,9}$/.test(memory))
      throw invalid('CPU and memory allocation must be provided for all NUMA nodes.');
    return { cpus: parseCpuSet(cpus), memoryMb: Number(memory) };
  });
  const seen = new Set<number>();
  for (const cpu of layout.flatMap(({ cpus }) => cpus)) {
    if (cpu >= vcpus) throw invalid(`CPU number ${cpu} is assigned to a NUMA node, but the largest there is ${vcpus - 1}.`);
    if (seen.has(cpu)) throw invalid(`CPU number ${cpu} is assigned to two nodes.`);
    seen.add(cpu);
  }
  if (seen.size < vcpus) throw invalid(`${vcpus - seen.size} CPUs are not assigned to any node.`);
  const sum = layout.reduce((total, node) => total + node.memoryMb, 0);
  if (sum !== memoryMb) throw invalid(`${sum} MB of memory assigned, but expected ${memoryMb} MB.`);
  return layout;
}

function entryOf(wishes: Wishes, name: string): string | null {
  const { flavor, image } = wishOf(wishes, name);
  if (flavor !== null && image !== null)
    throw invalid(`Image property 'hw_${name}' is not permitted to override NUMA configuration set against the flavor.`);
  return flavor ?? image;
}

const listsBeyond = ({ flavor, image }: Wishes, nodes: number): boolean =>
  [...Object.keys(flavor.extraSpecs), ...Object.keys(image?.properties ?? {})].some((key) => {
    const node = /^hw[:_]numa_(?:cpus|mem)\.(\d+)$/.exec(key)?.[1];
    return node !== undefined && Number(node) >= nodes;
  });

const units: Readonly<Record<string, number>> = { '': 1, k: 1, m: 1024, g: 1024 ** 2, t: 1024 ** 3 };

/** The page size that is asked for: a kind, or KiB (`2048`, `2MB`, `1GiB`). */
export function pageSizeOf(wishes: Wishes): PageSizeWish | null {
  const { flavor, image } = wishOf(wishes, 'mem_page_size');
  const [ofFlavor, ofImage] = [flavor, image].map((text) => (text === null ? null : readPageSize(text)));
  if (ofImage === null || ofImage === undefined) return ofFlavor ?? null;
  if (ofFlavor !== 'any' && ofFlavor !== 'large') throw invalid(`Page size ${String(image)} forbidden against '${flavor ?? 'small'}'.`);
  return ofImage;
}

function readPageSize(text: string): PageSizeWish {
  if (text === 'small' || text === 'large' || text === 'any') return text;
  const [, amount = '', unit = ''] = /^(\d{1,12})\s*(?:([kmgt])(?:i?b)?)?$/i.exec(text) ?? [];
  const kib = Number(amount) * (units[unit.toLowerCase()] ?? Number.NaN);
  if (amount === '' || !(kib > 0)) throw invalid(`Invalid memory page size '${text}'`);
  return kib;
}

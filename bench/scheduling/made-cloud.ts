import type { InstanceFlavor } from '../../src/domain/instance.ts';
import type { RequestSpec } from '../../src/domain/request-spec.ts';
import { seeded, type Random } from './random.ts';

/** One host of a cloud that is made up, with what is used of it. */
export interface MadeHost {
  readonly uuid: string;
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly traits: readonly string[];
  /** Places in the list of aggregates. */
  readonly aggregates: readonly number[];
  readonly used: readonly { readonly consumer: string; readonly vcpus: number; readonly memoryMb: number; readonly diskGb: number }[];
}

export interface MadeCloud {
  readonly hosts: readonly MadeHost[];
  readonly aggregates: readonly { readonly uuid: string; readonly name: string; readonly metadata: Readonly<Record<string, string>> }[];
  /** Requests, one after the other: mixed flavors, some for a zone, some for a trait. */
  readonly request: () => RequestSpec;
}

export const cpuRatio = 4;

const sizes = [
  { vcpus: 32, memoryMb: 131_072, diskGb: 2_000 },
  { vcpus: 64, memoryMb: 262_144, diskGb: 4_000 },
  { vcpus: 64, memoryMb: 524_288, diskGb: 4_000 },
  { vcpus: 128, memoryMb: 1_048_576, diskGb: 8_000 },
] as const;
const zones = 5;
const otherAggregates = 25;

export const flavors = [
  { name: 'tiny', vcpus: 1, memoryMb: 2_048, rootGb: 10, extraSpecs: {} },
  { name: 'small', vcpus: 2, memoryMb: 4_096, rootGb: 20, extraSpecs: {} },
  { name: 'medium', vcpus: 4, memoryMb: 8_192, rootGb: 40, extraSpecs: {} },
  { name: 'memory', vcpus: 4, memoryMb: 32_768, rootGb: 40, extraSpecs: {} },
  { name: 'processors', vcpus: 16, memoryMb: 16_384, rootGb: 40, extraSpecs: { 'trait:HW_CPU_X86_AVX512F': 'required' } },
  { name: 'large', vcpus: 16, memoryMb: 65_536, rootGb: 160, extraSpecs: {} },
] as const;

const flavorOf = (one: (typeof flavors)[number]): InstanceFlavor => ({
  flavorId: one.name,
  name: one.name,
  vcpus: one.vcpus,
  memoryMb: one.memoryMb,
  rootGb: one.rootGb,
  ephemeralGb: 0,
  swapMb: 0,
  rxtxFactor: 1,
  disabled: false,
  isPublic: true,
  extraSpecs: one.extraSpecs,
});

/** Hosts of mixed sizes in 5 zones and 25 other aggregates, each used up to the given part; the same for the same seed. */
export function madeCloud(options: {
  readonly hosts: number;
  readonly seed: number;
  readonly full: number;
  /** Traits of every host; a part of the hosts has some more. */
  readonly traits: readonly string[];
}): MadeCloud {
  const random = seeded(options.seed);
  const aggregates = Array.from({ length: zones + otherAggregates }, (_, n) => ({
    uuid: random.uuid(),
    name: n < zones ? `zone-${n}` : `group-${n}`,
    metadata: n < zones ? { availability_zone: `zone-${n}` } : { rack: String(n) },
  }));
  const hosts = Array.from({ length: options.hosts }, (_, n) => madeHost(random, n, options));
  return { hosts, aggregates, request: requests(random) };
}

function madeHost(random: Random, n: number, { full, traits }: { readonly full: number; readonly traits: readonly string[] }): MadeHost {
  const size = random.pick(sizes);
  const used: MadeHost['used'][number][] = [];
  const aim = full * (0.6 + 0.8 * random.next()); // half full altogether, not each
  // a few large servers rather than many small ones: rows in the database are not what is measured
  for (let held = 0; held < (full > 0 ? 4 : 0); held++) {
    used.push({
      consumer: random.uuid(),
      vcpus: Math.floor((size.vcpus * cpuRatio * aim) / 4),
      memoryMb: Math.floor((size.memoryMb * aim) / 4),
      diskGb: Math.floor((size.diskGb * aim) / 4),
    });
  }
  return {
    uuid: random.uuid(),
    name: `host-${String(n).padStart(6, '0')}`,
    ...size,
    traits: [...traits, ...(n % 3 === 0 ? ['HW_CPU_X86_AVX512F'] : []), ...(n % 7 === 0 ? ['HW_CPU_X86_SGX'] : [])],
    aggregates: [n % zones, ...new Set([random.between(zones, zones + 24), random.between(zones, zones + 24)])],
    used,
  };
}

function requests(random: Random): () => RequestSpec {
  return () => ({
    projectId: `project-${random.between(1, 50)}`,
    userId: 'user',
    flavor: flavorOf(random.pick(flavors)),
    image: {
      id: '70a599e0-31e7-49b7-b260-868f441e862b',
      name: 'image',
      diskFormat: 'qcow2',
      containerFormat: 'bare',
      minDisk: 0,
      minRam: 0,
      size: 1,
      checksum: null,
      properties: { hw_architecture: 'x86_64' },
    },
    isBootedFromVolume: false,
    availabilityZone: random.next() < 0.5 ? `zone-${random.between(0, zones - 1)}` : null,
    forceHost: null,
    forceNode: null,
    requestedHost: null,
    requestedNode: null,
    ignoreHosts: [],
    schedulerHints: {},
    groupId: null,
    requestedNetworks: 'none',
    securityGroups: [],
  });
}

import { readSettings } from '../../src/config/index.ts';
import { cpuRatio, madeCloud, type MadeHost } from './made-cloud.ts';
import { seeded } from './random.ts';
import type { RequestSpec } from '../../src/domain/request-spec.ts';
import { memoryScheduler } from './memory-scheduler.ts';

export interface Packed {
  readonly name: string;
  readonly servers: number;
}

const hosts = 100;
/** The cloud counts as full when so many requests in a row found no place. */
const patience = 60;

/** Fills the same empty cloud with the same requests by several rules, each until it is full, and counts the servers. */
export async function packing({ seed, traits }: { readonly seed: number; readonly traits: readonly string[] }): Promise<readonly Packed[]> {
  const make = () => madeCloud({ hosts, seed, full: 0, traits });
  const scheduled = async (name: string, conf: string): Promise<Packed> => {
    const cloud = make();
    const place = memoryScheduler(cloud, readSettings(conf).settings);
    return { name, servers: await fill(cloud.request, place) };
  };
  const inOrder = (order: (all: readonly MadeHost[]) => readonly MadeHost[]): Promise<number> => {
    const cloud = make();
    return fill(cloud.request, firstFit(order(cloud.hosts)));
  };
  const random = seeded(seed + 1);
  const orders: number[] = [];
  for (let n = 0; n < 10; n++)
    orders.push(
      await inOrder((all) =>
        all
          .map((host) => ({ host, at: random.next() }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ host }) => host),
      ),
    );
  const stacking = ['ram', 'cpu', 'disk'].map((name) => `${name}_weight_multiplier = -1`).join('\n');
  return [
    { name: 'first fit', servers: await inOrder((all) => all) },
    { name: 'best of 10 random orders', servers: Math.max(...orders) },
    await scheduled('the scheduler, spreading as by default', ''),
    await scheduled('the scheduler, stacking', `[filter_scheduler]\n${stacking}`),
  ];
}

async function fill(request: () => RequestSpec, place: (spec: RequestSpec) => Promise<boolean> | boolean): Promise<number> {
  let [servers, refused] = [0, 0];
  while (refused < patience) {
    if (await place(request())) {
      servers++;
      refused = 0;
    } else refused++;
  }
  return servers;
}

/** The first host in an order that has room, the trait and the zone. */
function firstFit(order: readonly MadeHost[]): (spec: RequestSpec) => boolean {
  const free = new Map(order.map((host) => [host, { vcpus: host.vcpus * cpuRatio, memoryMb: host.memoryMb - 512, diskGb: host.diskGb }]));
  return ({ flavor, availabilityZone }) => {
    const needed = Object.entries(flavor.extraSpecs).flatMap(([key]) => (key.startsWith('trait:') ? [key.slice(6)] : []));
    for (const host of order) {
      const left = free.get(host)!;
      if (availabilityZone !== null && !host.aggregates.some((n) => `zone-${n}` === availabilityZone)) continue;
      if (!needed.every((trait) => host.traits.includes(trait))) continue;
      if (left.vcpus < flavor.vcpus || left.memoryMb < flavor.memoryMb || left.diskGb < flavor.rootGb) continue;
      if (flavor.vcpus > host.vcpus) continue;
      left.vcpus -= flavor.vcpus;
      left.memoryMb -= flavor.memoryMb;
      left.diskGb -= flavor.rootGb;
      return true;
    }
    return false;
  };
}

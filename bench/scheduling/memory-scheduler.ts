import type { PlacementClient } from '../../src/clients/placement.ts';
import type { Settings } from '../../src/config/index.ts';
import { ProviderView } from '../../src/domain/placement/provider-view.ts';
import type { RequestSpec } from '../../src/domain/request-spec.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { filtersNamed } from '../../src/services/scheduler/filters/index.ts';
import type { HostView } from '../../src/services/scheduler/host-view.ts';
import { findingCandidatesHere } from '../../src/services/scheduler/local-candidates.ts';
import type { Providers } from '../../src/services/scheduler/providers.ts';
import { columnSelector } from '../../src/services/scheduler/select-by-columns.ts';
import { selectDestinations, type SchedulerDeps } from '../../src/services/scheduler/select-destinations.ts';
import { weighersNamed } from '../../src/services/scheduler/weighers/index.ts';
import { cpuRatio, type MadeCloud } from './made-cloud.ts';

/** The scheduler's own pipeline over a made-up cloud in memory; answers whether a place was found, and takes it. */
export function memoryScheduler({ hosts, aggregates }: MadeCloud, settings: Settings): (spec: RequestSpec) => Promise<boolean> {
  const view = new ProviderView();
  const inventory = (total: number, reserved: number, ratio: number) => [total, reserved, 1, total, 1, ratio, 0] as const;
  view.apply(
    hosts.map((host, n) => ({
      id: n + 1,
      uuid: host.uuid,
      name: host.name,
      generation: 0,
      parentId: null,
      rootId: n + 1,
      updatedAt: 0,
      inventories: {
        VCPU: inventory(host.vcpus, 0, cpuRatio),
        MEMORY_MB: inventory(host.memoryMb, 512, 1),
        DISK_GB: inventory(host.diskGb, 0, 1),
      },
      traits: host.traits,
      aggregates: host.aggregates.map((at) => aggregates[at]!.uuid),
    })),
  );
  const client: Partial<PlacementClient> = {
    putAllocations(_session, _consumer, { allocations }) {
      for (const [uuid, { resources }] of Object.entries(allocations)) {
        const { id, generation, updatedAt, inventories } = view.at(view.slotOf(uuid)!);
        const used = Object.fromEntries(Object.entries(inventories).map(([name, numbers]) => [name, numbers[6] + (resources[name] ?? 0)]));
        view.applyUsages([{ id, generation: generation + 1, updatedAt, used }]);
      }
      return Promise.resolve();
    },
    allocations: () => Promise.resolve({ allocations: {}, consumerGeneration: null, projectId: null, userId: null, consumerType: null }),
  };
  const same = () => Promise.resolve(view);
  const providers: Providers = { now: same, lately: same, refresh: () => undefined };
  const current = Promise.resolve(hostView({ hosts, aggregates }));
  const deps: SchedulerDeps & { readonly providers: Providers } = {
    providers,
    stores: null as never, // without hints and groups nobody asks it
    placement: findingCandidatesHere(client as PlacementClient, providers),
    identity: { serviceSession: { token: () => Promise.resolve('') } },
    views: { current: () => current, fresh: () => current, refresh: () => undefined },
    groups: { run: async (_spec, _ids, place) => (await place(null)).result },
    filters: filtersNamed(settings.filter_scheduler.enabled_filters),
    weighers: weighersNamed(settings.filter_scheduler.weight_classes),
    settings,
    ids: randomIds,
    log: silentLog,
  };
  const byColumns = columnSelector(deps);
  return async (spec) => {
    const wanted = { spec, instanceIds: [randomIds.uuid()] };
    return ((await byColumns(wanted)) ?? (await selectDestinations(deps, wanted))).found;
  };
}

function hostView({ hosts, aggregates }: Pick<MadeCloud, 'hosts' | 'aggregates'>): HostView {
  const none = new Map<string, number>();
  const liveness = (host: string) => ({ host, disabled: false, forcedDown: false, lastSeenAt: '2999-01-01T00:00:00.000000Z' });
  return {
    nodesByUuid: new Map(
      hosts.map(({ uuid, name, vcpus, memoryMb, diskGb }, n) => [
        uuid,
        {
          id: n + 1,
          uuid,
          host: name,
          name,
          cellId: 'cell',
          facts: {
            uuid,
            name,
            hypervisorType: 'QEMU',
            hypervisorVersion: 9_000_000,
            hostIp: '',
            vcpus,
            memoryMb,
            localGb: diskGb,
            vcpusUsed: 0,
            memoryMbUsed: 0,
            localGbUsed: 0,
            diskAvailableLeast: null,
            runningVms: 0,
            cpuInfo: {},
            supportedInstances: [['x86_64', 'kvm', 'hvm']],
            stats: {},
          },
        } as never,
      ]),
    ),
    serviceOf: new Map(hosts.map(({ name }) => [name, liveness(name) as never])),
    zoneOf: new Map(hosts.map(({ name, aggregates: [zone] }) => [name, `zone-${zone}`])),
    aggregates: aggregates.map((aggregate, n) => ({
      id: n + 1,
      ...aggregate,
      hosts: hosts.filter(({ aggregates: own }) => own.includes(n)).map(({ name }) => name),
      createdAt: '',
      updatedAt: null,
    })),
    aggregateKeys: new Set(),
    aggregateMetadataOf: () => ({}),
    isUp: () => true,
    instancesOn: () => 0,
    ioOpsOn: () => 0,
    imagePropertiesOn: () => none,
    remainderOf: () => ({ numaTopology: null, pciPools: [] }),
  };
}

import type { Settings } from '../../../config/index.ts';
import { randomIds } from '../../../lib/ids.ts';
import { silentLog } from '../../../lib/log.ts';
import type { Stores } from '../../../store/stores.ts';
import { filtersNamed } from '../filters/index.ts';
import type { GroupSection } from '../group-section.ts';
import type { SchedulerDeps } from '../select-destinations.ts';
import { weighersNamed } from '../weighers/index.ts';
import { memoryPlacement, type MemoryPlacement } from './memory-placement.ts';
import { settingsOf } from './request.ts';
import { nodeOf, viewsOf, type MadeHost } from './view.ts';

/** No groups. */
export const noGroups: GroupSection = { run: async (_spec, _ids, place) => (await place(null)).result };

const plenty = { VCPU: 32, MEMORY_MB: 16_384, DISK_GB: 200 };

/** A scheduler over made-up hosts, each of which has `capacity`. */
export function schedulerOf(
  hosts: readonly (MadeHost & { readonly capacity?: Readonly<Record<string, number>> })[],
  {
    conf = [],
    groups = noGroups,
    stores,
    pause,
  }: {
    readonly conf?: readonly string[];
    readonly groups?: GroupSection;
    readonly stores?: Stores;
    readonly pause?: () => Promise<void>;
  } = {},
): { readonly deps: SchedulerDeps; readonly placement: MemoryPlacement; readonly settings: Settings } {
  const settings = settingsOf(...conf);
  const placement = memoryPlacement(Object.fromEntries(hosts.map(({ host, capacity = plenty }) => [nodeOf(host), capacity])), pause);
  const deps: SchedulerDeps = {
    // requests without hints and groups ask no store
    stores: stores as Stores,
    placement: placement.client,
    identity: { serviceSession: { token: () => Promise.resolve('t'), endpoints: () => Promise.reject(new Error('none')) } as never },
    views: viewsOf(hosts),
    groups,
    filters: filtersNamed(settings.filter_scheduler.enabled_filters, settings.filter_scheduler.available_filters),
    weighers: weighersNamed(settings.filter_scheduler.weight_classes),
    settings,
    ids: randomIds,
    log: silentLog,
  };
  return { deps, placement, settings };
}

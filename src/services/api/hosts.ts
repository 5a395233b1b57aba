import { listAggregates, zonesOfHosts } from '../../store/aggregates.ts';
import { isUp, type ServiceRecord } from '../../store/services.ts';
import type { ApiDeps } from './deps.ts';

/** The zone a service is in: that of its host's aggregate, the default one, or that of services which are no hosts. */
export async function zonesOfServices({
  stores,
  settings,
}: Pick<ApiDeps, 'stores' | 'settings'>): Promise<(service: Pick<ServiceRecord, 'host' | 'binary'>) => string> {
  const zones = zonesOfHosts(await listAggregates(stores.api));
  const { default_availability_zone: standard, internal_service_availability_zone: internal } = settings.DEFAULT;
  return ({ host, binary }) => (binary === 'nova-compute' ? (zones.get(host) ?? standard) : internal);
}

/** Whether a service counts as up now. */
export const isUpNow = ({ clock, settings }: Pick<ApiDeps, 'clock' | 'settings'>, service: ServiceRecord): boolean =>
  isUp(service, clock.now(), settings.DEFAULT.service_down_time);

/** Has the scheduler read hosts anew before it places the next server. Without an answer it does so by itself within a second. */
export async function refreshScheduler({ scheduler, log }: Pick<ApiDeps, 'scheduler' | 'log'>): Promise<void> {
  await scheduler.refresh({}).catch((error: unknown) => log.debug({ err: error }, 'the scheduler was not told that hosts have changed'));
}

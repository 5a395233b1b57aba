import type { HostSummary } from '../../../../contracts/operator.ts';
import { isUp, listComputeNodes, listServices } from '../../../../store/services.ts';
import type { ApiDeps } from '../../deps.ts';

/** Every compute host, by name; three statements a cell, however many hosts. */
export async function hostSummaries({ stores, clock, settings }: ApiDeps): Promise<readonly HostSummary[]> {
  const [services, nodes, counts] = await Promise.all([listServices(stores), listComputeNodes(stores), countByHost(stores)]);
  const cells = new Map(stores.cells().map(({ id, name }) => [id, name]));
  const nodesOf = Map.groupBy(nodes, ({ host }) => host);
  return services
    .filter(({ binary }) => binary === 'nova-compute')
    .map((service) => ({
      host: service.host,
      cell: cells.get(service.cellId) ?? '',
      up: isUp(service, clock.now(), settings.DEFAULT.service_down_time),
      disabled: service.disabled,
      disabledReason: service.disabledReason,
      forcedDown: service.forcedDown,
      lastSeenAt: service.lastSeenAt,
      nodes: (nodesOf.get(service.host) ?? []).map(({ name, uuid }) => ({ name, uuid })),
      instances: counts.get(service.host)?.instances ?? 0,
      busy: counts.get(service.host)?.busy ?? 0,
    }))
    .toSorted((a, b) => a.host.localeCompare(b.host));
}

async function countByHost(stores: ApiDeps['stores']): Promise<ReadonlyMap<string, { readonly instances: number; readonly busy: number }>> {
  const pages = await Promise.all(
    stores.cells().map(({ database }) =>
      database
        .selectFrom('instances')
        .select((eb) => ['host', eb.fn.countAll<number>().as('instances'), eb.fn.count<number>('task_state').as('busy')])
        .where('deleted_at', 'is', null)
        .where('host', 'is not', null)
        .groupBy('host')
        .execute(),
    ),
  );
  return new Map(pages.flat().map(({ host, instances, busy }) => [host ?? '', { instances, busy }]));
}

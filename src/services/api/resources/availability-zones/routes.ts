import { listServices, type ServiceRecord } from '../../../../store/services.ts';
import { microseconds } from '../../dates.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { isUpNow, zonesOfServices } from '../../hosts.ts';
import { noQuery } from '../../queries.ts';

/** A zone and the enabled services in it; none of them means that nothing can be placed there now. */
interface Zone {
  readonly name: string;
  readonly enabled: readonly ServiceRecord[];
}

/** Zones with something enabled first, then the others, each by name. */
async function listZones(deps: ApiDeps): Promise<Zone[]> {
  const [services, zoneOf] = await Promise.all([listServices(deps.stores), zonesOfServices(deps)]);
  const zones = [...Map.groupBy(services, zoneOf)].map(([name, members]) => ({
    name,
    enabled: members.filter(({ disabled }) => !disabled),
  }));
  return zones.toSorted((a, b) => Number(b.enabled.length > 0) - Number(a.enabled.length > 0) || (a.name < b.name ? -1 : 1));
}

/** Hosts of a zone with their services; null where none is enabled. */
function hostsOf(deps: ApiDeps, { enabled }: Zone) {
  if (enabled.length === 0) return null;
  const byHost = [...Map.groupBy(enabled, ({ host }) => host)];
  return Object.fromEntries(
    byHost.map(([host, services]) => [
      host,
      Object.fromEntries(
        services.map((service) => [
          service.binary,
          {
            active: !service.disabled,
            available: isUpNow(deps, service),
            updated_at: microseconds(service.lastSeenAt ?? service.updatedAt ?? service.createdAt),
          },
        ]),
      ),
    ]),
  );
}

export const availabilityZoneRoutes = [
  route({
    method: 'GET',
    path: '/os-availability-zone',
    summary: 'List availability zones',
    policy: 'os_compute_api:os-availability-zone:list',
    query: noQuery,
    reply: { status: 200 },
    handle: async ({ deps }) => {
      const zones = (await listZones(deps)).filter(({ name }) => name !== deps.settings.DEFAULT.internal_service_availability_zone);
      return {
        availabilityZoneInfo: zones.map(({ name, enabled }) => ({
          zoneName: name,
          zoneState: { available: enabled.length > 0 },
          hosts: null,
        })),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/os-availability-zone/detail',
    summary: 'List availability zones with their hosts',
    policy: 'os_compute_api:os-availability-zone:detail',
    query: noQuery,
    reply: { status: 200 },
    handle: async ({ deps }) => ({
      availabilityZoneInfo: (await listZones(deps)).map((zone) => ({
        zoneName: zone.name,
        zoneState: { available: zone.enabled.length > 0 },
        hosts: hostsOf(deps, zone),
      })),
    }),
  }),
];

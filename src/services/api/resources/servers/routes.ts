import { Reply } from '../../../../lib/http/route.ts';
import { inItsCell, updateInstance, type LocatedInstance } from '../../../../store/instances.ts';
import { pinnedZones, requestSpecOf } from '../../../../store/mappings.ts';
import { groupOfInstance } from '../../../../store/server-groups.ts';
import { computeServicesOf, isUp } from '../../../../store/services.ts';
import { instanceNotFound } from '../../../../domain/faults.ts';
import { canonicalAddress } from '../../canonical-address.ts';
import { does } from '../../microversions.ts';
import { links, nextLinks, selfUrl } from '../../links.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { noQuery } from '../../queries.ts';
import { CreateServerRequest, ListServers, UpdateServer } from './bodies.ts';
import { createServer, type CreatedServers } from './create-server.ts';
import { deleteServer } from './delete-server.ts';
import { findServer, ownerOf, refuseLocked } from './find-server.ts';
import { pinServer } from './pin-server.ts';
import { listServers } from './list-servers.ts';
import { briefServerView, changedServerView, serverView, type ServerDetail } from './view.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';

export const serverRoutes = [
  route({
    method: 'GET',
    path: '/servers',
    summary: 'List servers',
    policy: 'os_compute_api:servers:index',
    query: ListServers,
    reply: { status: 200 },
    handle: async ({ query, ctx, deps }) => {
      const { servers, full } = await listServers(deps, ctx, query, 'os_compute_api:servers:index');
      const next = nextLinks(ctx, 'servers', { full, lastId: servers.at(-1)?.instance.id });
      return {
        servers: servers.map(({ instance }) => briefServerView.render(instance, ctx)),
        ...(next === undefined ? {} : { servers_links: next }),
      };
    },
  }),
  route({
    method: 'GET',
    path: '/servers/detail',
    summary: 'List servers with all they have',
    policy: 'os_compute_api:servers:detail',
    query: ListServers,
    reply: { status: 200 },
    handle: async ({ query, ctx, deps }) => {
      const { servers, full } = await listServers(deps, ctx, query, 'os_compute_api:servers:detail');
      const [statusOfHost, pins] = await Promise.all([
        hostStatuses(deps, ctx, servers),
        does(ctx, 'pinnedZonesShown')
          ? pinnedZones(
              deps.stores,
              servers.map(({ instance }) => instance.id),
            )
          : new Map<string, string | null>(),
      ]);
      const shown = servers.map(({ instance }) =>
        serverView.render(
          {
            instance,
            hostStatus: statusOfHost(instance.host),
            serverGroups: [],
            pinnedAvailabilityZone: pins.get(instance.id) ?? null,
            nameTemplate: deps.settings.DEFAULT.instance_name_template,
          },
          ctx,
        ),
      );
      const next = nextLinks(ctx, 'servers/detail', { full, lastId: servers.at(-1)?.instance.id });
      return { servers: shown, ...(next === undefined ? {} : { servers_links: next }) };
    },
  }),
  route({
    method: 'POST',
    path: '/servers',
    summary: 'Create servers',
    policy: 'os_compute_api:servers:create',
    body: { schema: CreateServerRequest },
    onceOnly: true,
    reply: { status: 202 },
    handle: async ({ body, ctx, deps }) => {
      const { server: wanted } = body;
      const hints = body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {};
      const answerOf = (created: CreatedServers): Reply => {
        if (wanted.return_reservation_id !== undefined && wanted.return_reservation_id !== false)
          return new Reply(202, { reservation_id: created.reservationId });
        const server = {
          id: created.first,
          links: links(ctx, 'servers', created.first),
          'OS-DCF:diskConfig': created.diskConfig,
          security_groups: created.securityGroups,
          ...(deps.settings.api.enable_instance_password ? { adminPass: created.adminPass } : {}),
        };
        return new Reply(202, { server }, { location: selfUrl(ctx, 'servers', created.first) });
      };
      return answerOf(await createServer(deps, ctx, wanted, hints, async (created) => ctx.intend?.(answerOf(created))));
    },
  }),
  route({
    method: 'GET',
    path: '/servers/:serverId',
    summary: 'Show a server',
    policy: 'os_compute_api:servers:show',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200, key: 'server', view: serverView },
    handle: ({ loaded, ctx, deps }) => detailOf(deps, ctx, loaded),
  }),
  route({
    method: 'PUT',
    path: '/servers/:serverId',
    summary: 'Change a server',
    policy: 'os_compute_api:servers:update',
    load: findServer,
    target: ownerOf,
    body: { key: 'server', schema: UpdateServer },
    reply: { status: 200, key: 'server', view: changedServerView },
    handle: async ({ body, loaded, ctx, deps }) => {
      const { name, description, hostname, accessIPv4, accessIPv6, pinned_availability_zone: zone } = body;
      if (zone !== undefined) await pinServer(deps, loaded.instance, zone);
      const diskConfig = body['OS-DCF:diskConfig'];
      const changes = {
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...(hostname === undefined ? {} : { hostname }),
        ...(accessIPv4 === undefined ? {} : { accessIpV4: canonicalAddress('accessIPv4', accessIPv4) }),
        ...(accessIPv6 === undefined ? {} : { accessIpV6: canonicalAddress('accessIPv6', accessIPv6) }),
        ...(diskConfig === undefined ? {} : { diskConfig: diskConfig }),
      };
      const updated = await inItsCell(deps.stores, loaded, async (database, cellId) => {
        const instance = await updateInstance(database, loaded.instance.id, changes);
        return instance === null ? null : { instance, cellId };
      });
      if (updated === null) throw instanceNotFound(loaded.instance.id);
      return detailOf(deps, ctx, updated);
    },
  }),
  route({
    method: 'DELETE',
    path: '/servers/:serverId',
    summary: 'Delete a server',
    policy: 'os_compute_api:servers:delete',
    load: findServer,
    target: ownerOf,
    reply: { status: 204 },
    handle: async ({ loaded, ctx, deps }) => {
      refuseLocked(ctx, loaded.instance);
      await deleteServer(deps, ctx, loaded);
    },
  }),
];

/** A single server with all it has. */
export async function detailOf(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance): Promise<ServerDetail> {
  const { instance } = located;
  const [group, spec, statusOfHost] = await Promise.all([
    does(ctx, 'groupsShown') ? groupOfInstance(deps.stores.api, instance.id) : null,
    does(ctx, 'pinnedZonesShown') ? requestSpecOf(deps.stores, instance.id) : null,
    hostStatuses(deps, ctx, [located]),
  ]);
  return {
    instance,
    hostStatus: statusOfHost(instance.host),
    serverGroups: group === null ? [] : [group],
    pinnedAvailabilityZone: spec?.availabilityZone ?? null,
    nameTemplate: deps.settings.DEFAULT.instance_name_template,
  };
}

/** The status of hosts, for those who may see it; one statement however many servers. */
async function hostStatuses(
  deps: ApiDeps,
  ctx: RequestContext,
  servers: readonly LocatedInstance[],
): Promise<(host: string | null) => ServerDetail['hostStatus']> {
  const mayAsk = ctx.can('os_compute_api:servers:show:host_status') || ctx.can('os_compute_api:servers:show:host_status:unknown-only');
  const hosts = [...new Set(servers.flatMap(({ instance }) => instance.host ?? []))];
  if (!mayAsk || hosts.length === 0) return () => '';
  const services = await computeServicesOf(deps.stores, hosts);
  return (host) => {
    if (host === null) return '';
    const service = services.get(host);
    if (service === undefined) return '';
    if (service.forcedDown) return 'DOWN';
    if (service.disabled) return 'MAINTENANCE';
    return isUp(service, deps.clock.now(), deps.settings.DEFAULT.service_down_time) ? 'UP' : 'UNKNOWN';
  };
}

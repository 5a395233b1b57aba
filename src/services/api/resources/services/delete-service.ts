import { conflict, invalid, isKind, notFound } from '../../../../lib/errors.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { leaveAggregates } from '../../../../store/aggregates.ts';
import { countOnHosts } from '../../../../store/instance-usage.ts';
import { openMovesOfHost, updateMove } from '../../../../store/moves.ts';
import { deleteService as forgetService, findService, nodesOfHost, type ServiceName } from '../../../../store/services.ts';
import type { ApiDeps } from '../../deps.ts';
import { refreshScheduler } from '../../hosts.ts';
import { does } from '../../microversions.ts';

/** Forgets a service; that of a host only when the host has no servers, and then with everything that is kept of the host. */
export async function deleteService(deps: ApiDeps, ctx: RequestContext, id: string): Promise<void> {
  const { stores, placement, identity, log } = deps;
  const service = await findService(stores, nameOf(ctx, id));
  if (service === null) throw notFound(`Service ${id} could not be found.`);
  if (service.binary === 'nova-compute') {
    if ((await countOnHosts(stores, [service.host])) > 0)
      throw conflict('Unable to delete compute service that is hosting instances. Migrate or delete the instances first.');
    const database = stores.cell(service.cellId);
    const leaving = await openMovesOfHost(database, 'source', service.host);
    const coming = await openMovesOfHost(database, 'dest', service.host);
    if ([...leaving, ...coming].some(({ status }) => status !== 'done'))
      throw conflict(
        'Unable to delete compute service that has in-progress migrations. Complete the migrations or delete the instances first.',
      );
    // a host that is forgotten never comes back for what was evacuated from it
    for (const { id } of leaving) {
      await placement.deleteAllocations(identity.serviceSession, id);
      await updateMove(database, id, { status: 'completed' }, ['done']);
    }
    const nodes = await nodesOfHost(stores, service.host);
    for (const { uuid } of nodes) {
      await placement.deleteProvider(identity.serviceSession, uuid).catch((error: unknown) => {
        if (isKind(error, 'conflict'))
          throw conflict(`Unable to delete compute service: resource provider ${uuid} of its host still has allocations.`, {
            cause: error,
          });
        log.warn({ err: error, node: uuid }, 'the resource provider of a deleted host stays in placement');
      });
    }
    await leaveAggregates(stores.api, service.host);
  }
  await forgetService(stores, service);
  await refreshScheduler(deps);
}

function nameOf(ctx: RequestContext, id: string): ServiceName {
  if (does(ctx, 'hostsHaveUuids')) {
    const uuid = normalizeUuid(id);
    if (uuid === null) throw invalid(`Invalid uuid ${id}`);
    return { uuid };
  }
  if (!/^\d{1,9}$/.test(id)) throw invalid(`Invalid service id '${id.slice(0, 80)}': it must be an integer.`);
  return { id: Number(id) };
}

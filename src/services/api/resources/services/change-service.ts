import { invalid, notFound } from '../../../../lib/errors.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { openMovesOfHost } from '../../../../store/moves.ts';
import { findService, nodesOfHost, updateService, type ServiceRecord } from '../../../../store/services.ts';
import type { ApiDeps } from '../../deps.ts';
import { refreshScheduler } from '../../hosts.ts';
import { does } from '../../microversions.ts';
import { mirrorDisabled } from '../../../../clients/placement-mirror.ts';
import { toBoolean } from '../../schemas.ts';
import type { ChangeNamedService, UpdateService } from './bodies.ts';

type Changes = Parameters<typeof updateService>[2];
type NamedBody = NonNullable<(typeof ChangeNamedService)['value']>;

/** What the path of the older form can say, and what is answered beside host and program. */
const namedActions: Readonly<
  Record<string, (body: NamedBody) => { readonly changes: Changes; readonly shown: Readonly<Record<string, unknown>> }>
> = {
  enable: () => ({ changes: { disabled: false, disabledReason: null }, shown: { status: 'enabled' } }),
  disable: () => ({ changes: { disabled: true, disabledReason: null }, shown: { status: 'disabled' } }),
  'disable-log-reason': ({ disabled_reason: reason }) => {
    if (reason === undefined) throw invalid('Missing disabled reason field');
    return { changes: { disabled: true, disabledReason: reason }, shown: { status: 'disabled', disabled_reason: reason } };
  },
  'force-down': ({ forced_down: down }) => {
    if (down === undefined) throw invalid('Missing forced_down field');
    return { changes: { forcedDown: toBoolean(down) }, shown: { forced_down: toBoolean(down) } };
  },
};

/** Until 2.52: enables, disables or forces down the service the body names. */
export async function changeNamedService(
  deps: ApiDeps,
  ctx: RequestContext,
  action: string,
  body: NamedBody,
): Promise<Record<string, unknown>> {
  const isKnown = Object.hasOwn(namedActions, action) && (action !== 'force-down' || does(ctx, 'servicesForcedDown'));
  if (!isKnown) throw notFound('Unknown action');
  const { host, binary } = body;
  const { changes, shown } = namedActions[action]!(body);
  refuseOthers(binary);
  const service = await findService(deps.stores, { host, binary });
  if (service === null) throw notFound(`Could not find binary ${binary} on host ${host}.`);
  await apply(deps, service, changes);
  return { host, binary, ...shown };
}

/** Since 2.53: the same to the service of this id. */
export async function changeService(deps: ApiDeps, id: string, body: NonNullable<(typeof UpdateService)['value']>): Promise<ServiceRecord> {
  const uuid = normalizeUuid(id);
  if (uuid === null) throw invalid(`Invalid uuid ${id}`);
  const service = await findService(deps.stores, { uuid });
  if (service === null) throw notFound(`Service ${id} could not be found.`);
  refuseOthers(service.binary);
  const { status, disabled_reason: reason } = body;
  if (reason !== undefined && status === 'enabled') throw invalid("Specifying 'disabled_reason' when status is 'enabled' is invalid.");
  const wanted: Changes = {
    ...(status === undefined ? {} : { disabled: status === 'disabled', disabledReason: reason ?? null }),
    ...(body.forced_down === undefined ? {} : { forcedDown: toBoolean(body.forced_down) }),
  };
  const differs = (Object.keys(wanted) as (keyof Changes)[]).some((key) => wanted[key] !== service[key]);
  if (!differs) throw invalid("No updates were requested. Fields 'status' or 'forced_down' should be specified.");
  return apply(deps, service, wanted);
}

function refuseOthers(binary: string): void {
  if (binary !== 'nova-compute') throw invalid(`Updating a ${binary} service is not supported. Only nova-compute services can be updated.`);
}

/** Lets servers be placed on a host again, or no longer. */
export const enableService = (deps: ApiDeps, service: ServiceRecord, enabled: boolean): Promise<ServiceRecord> =>
  apply(deps, service, { disabled: !enabled, disabledReason: null });

/** Writes it down; from the answer on no server is placed on a host that was disabled or forced down. */
async function apply(deps: ApiDeps, service: ServiceRecord, changes: Changes): Promise<ServiceRecord> {
  if (changes.forcedDown === false && service.forcedDown) await refuseBeforeCleared(deps, service);
  const updated = await updateService(deps.stores, service, changes);
  if (updated === null) throw notFound(`Service ${service.uuid} could not be found.`);
  await refreshScheduler(deps);
  if (changes.disabled !== undefined) await mirrorDisabled(deps, await nodesOfHost(deps.stores, service.host), changes.disabled);
  return updated;
}

/** A host from which servers were evacuated has to remove its copies before anything is placed on it again. */
async function refuseBeforeCleared({ stores }: ApiDeps, { host, cellId }: ServiceRecord): Promise<void> {
  const left = (await openMovesOfHost(stores.cell(cellId), 'source', host)).filter(({ status }) => status === 'done');
  if (left.length > 0)
    throw invalid(
      `Unsetting forced_down is not allowed while ${left.length} evacuated servers are still to be removed from host ${host}: start its compute service.`,
    );
}

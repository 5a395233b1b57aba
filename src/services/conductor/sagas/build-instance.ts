import type { Instance, InstanceId, TaskState } from '../../../domain/instance.ts';
import type { Destination, RequestSpec } from '../../../domain/request-spec.ts';
import { conflict, isKind, KilonovaError, messageOf } from '../../../lib/errors.ts';
import { retry, type RetryOptions } from '../../../lib/retry.ts';
import { deadlineOfCopies, saga } from '../../../lib/saga/saga.ts';
import type { Executor } from '../../../lib/sql/database.ts';
import type { CellTables } from '../../../store/tables.ts';
import { findInstance, transition, updateInstance } from '../../../store/instances.ts';
import { requestSpecOf } from '../../../store/mappings.ts';
import { eraseAdminPass } from '../../../store/sagas.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestOrder } from '../guest-order.ts';
import { failInstance, finishEvent } from '../outcome.ts';
import { plugPorts, unplugPorts } from '../ports.ts';
import { completeVolumes, discardVolumes, reserveVolumes } from '../volumes.ts';
import { destroyOnHost } from './destroy-on-host.ts';

export interface BuildParams {
  readonly instanceId: InstanceId;
  readonly cellId: string;
  readonly requestId: string;
  readonly chosen: Destination;
  readonly alternates: readonly Destination[];
  readonly adminPass: string | null;
  readonly startedAt: number;
}

/** Builds one instance on the place that was claimed for it, or on one of the alternates; otherwise leaves it in ERROR with the reason and nothing else. */
export const buildInstance = saga<BuildParams, ConductorDeps>('build-instance', { deadlineSeconds: deadlineOfCopies })
  .step('spawned', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const places = [params.chosen, ...params.alternates];
      const failures: string[] = [];
      for (const [attempt, place] of places.entries()) {
        try {
          const powerState = await retry(() => spawnAt(deps, params, place, attempt, `${idempotencyKey}/${attempt}`, signal), {
            ...whileAway(deps, attempt + 1 < places.length ? 0 : lastPlacePatienceMs),
            signal,
          });
          return { host: place.host, powerState };
        } catch (error) {
          if (signal.aborted || !isWorthAnotherHost(error)) throw error;
          failures.push(`${place.host}: ${messageOf(error)}`);
          deps.log.warn({ err: error, instanceId: params.instanceId, host: place.host, attempt }, 'build failed on a host');
          await destroyOnHost(deps, params.instanceId, place.host, [], `${idempotencyKey}/${attempt}/clean`);
        }
      }
      const tried = failures.length === 1 ? 'the host that was chosen' : `all ${failures.length} hosts that were tried`;
      throw new KilonovaError(
        'internal',
        `The build failed on ${tried}: ${failures.map((failure) => failure.slice(failure.indexOf(': ') + 2)).join('; ')}`,
        { code: 'MaxRetriesExceeded' },
      );
    },
    // the claim was made before this saga began, and is given back with everything else; the instance says so last
    undo: async ({ params, deps, idempotencyKey, failure, sagaId }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      const host = found?.instance.host ?? params.chosen.host;
      await destroyOnHost(deps, params.instanceId, host, found?.instance.networkInfo ?? [], `${idempotencyKey}/undo`);
      await unplugPorts(deps, params.instanceId);
      if (found !== null) await discardVolumes(deps, found.instance);
      await deps.placement.deleteAllocations(deps.identity.serviceSession, params.instanceId);
      const database = deps.stores.cell(params.cellId);
      const blockDevices = (found?.instance.blockDevices ?? []).map((device) => ({ ...device, attachmentId: null }));
      await updateInstance(database, params.instanceId, { host: null, node: null, networkInfo: [], blockDevices });
      const failed = await failInstance(deps, database, params.instanceId, failure);
      if (failed !== null) {
        await finishEvent(deps, database, {
          instanceId: params.instanceId,
          requestId: params.requestId,
          name: 'compute__do_build_and_run_instance',
          startedAt: params.startedAt,
          host: null,
          failure,
        });
      }
      await eraseAdminPass(database, sagaId);
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: ({ params, results, deps, sagaId, alongside }) => {
      const now = new Date(deps.clock.now()).toISOString();
      alongside(async (tx: Executor<CellTables>) => {
        await transition(
          tx,
          params.instanceId,
          { whileTask: ['scheduling', 'networking', 'spawning'], vmState: 'active', taskState: null },
          { launchedAt: now, launchedOn: results.spawned.host, powerState: results.spawned.powerState, progress: 100 },
        );
        await finishEvent(deps, tx, {
          instanceId: params.instanceId,
          requestId: params.requestId,
          name: 'compute__do_build_and_run_instance',
          startedAt: params.startedAt,
          host: results.spawned.host,
        });
        if (params.adminPass !== null) await eraseAdminPass(tx, sagaId);
      });
      return Promise.resolve(null);
    },
  });

/** How long the last place is asked again while something does not answer: after a restart of everything parts come back one after the other. */
const lastPlacePatienceMs = 30_000;

function whileAway({ clock }: ConductorDeps, patienceMs: number): Omit<RetryOptions, 'signal'> {
  const until = clock.now() + patienceMs;
  return {
    clock,
    attempts: Infinity,
    delayMs: 100,
    maxDelayMs: 2000,
    when: (error) => isKind(error, 'unavailable') && clock.now() < until,
  };
}

/** A host that fails may be replaced by another; a request that is wrong fails everywhere. */
const isWorthAnotherHost = (error: unknown): boolean =>
  !isKind(error, 'invalid', 'forbidden', 'quota', 'notFound') && !(error instanceof KilonovaError && error.code === 'deleting');

async function spawnAt(deps: ConductorDeps, params: BuildParams, place: Destination, attempt: number, key: string, signal: AbortSignal) {
  const database = deps.stores.cell(params.cellId);
  const beingDeleted = (): KilonovaError => conflict('The server is being deleted.', { code: 'deleting' });
  const spec = await requestSpecOf(deps.stores, params.instanceId);
  if (spec === null) throw beingDeleted();
  const hasPorts = spec.requestedNetworks !== 'none' && spec.requestedNetworks.length > 0;
  const { host, node, availabilityZone } = place;
  const enter = (whileTask: readonly TaskState[], raisesEpoch: boolean) =>
    transition(
      database,
      params.instanceId,
      { whileTask, taskState: hasPorts ? 'networking' : 'spawning', raisesEpoch },
      { host, node, availabilityZone },
    );
  const first = attempt === 0 ? await enter(['scheduling'], false) : null;
  if (first === null) await leaveEarlierHost(deps, params.instanceId, host, key);
  const building = first ?? (await enter(['scheduling', 'networking', 'spawning'], true));
  if (building === null) throw beingDeleted();
  // what was claimed before this saga holds for the first try only: one that was cut off may have claimed an alternate since
  const holds = first !== null || (attempt === 0 && (await holdsAt(deps, building.id, place)));
  const claimed = holds ? place : await claimAgain(deps, building.id, spec, place);
  const blockDevices = await reserveVolumes(deps, building, signal);
  if (blockDevices !== building.blockDevices) await updateInstance(database, building.id, { blockDevices });
  const spawning = hasPorts ? await plug(deps, building, claimed, spec, signal) : { ...building, blockDevices };
  if (spawning === null) throw beingDeleted();
  const order = guestOrder(deps.settings, spawning, { adminPass: params.adminPass });
  // a host answers a key it knows from its journal: a try that comes after a clean-up is another one
  const { powerState } = await deps
    .agentOn(place.host)
    .spawn({ order }, { key: `${key}/${spawning.epoch}`, epoch: spawning.epoch, signal });
  await completeVolumes(deps, blockDevices);
  return powerState;
}

/** Makes and binds the ports of a server; null when it is being deleted. */
async function plug(
  deps: ConductorDeps,
  building: Instance,
  place: Destination,
  spec: RequestSpec,
  signal: AbortSignal,
): Promise<Instance | null> {
  const networkInfo = await plugPorts(deps, building, place.host, {
    networks: spec.requestedNetworks,
    securityGroups: spec.securityGroups,
    ...(place.providers === undefined ? {} : { providers: place.providers }),
  });
  signal.throwIfAborted();
  const step = { whileTask: ['networking', 'spawning'], taskState: 'spawning' } as const;
  return transition(deps.stores.cell(place.cellId), building.id, step, { networkInfo });
}

/** A try that was cut off may have left a guest where the server is by its own word. */
async function leaveEarlierHost(deps: ConductorDeps, id: InstanceId, to: string, key: string): Promise<void> {
  const earlier = (await findInstance(deps.stores, id))?.instance.host ?? to;
  if (earlier !== to) await destroyOnHost(deps, id, earlier, [], `${key}/leave`);
}

const holdsAt = async ({ placement, identity }: ConductorDeps, id: InstanceId, { computeNodeUuid }: Destination): Promise<boolean> =>
  computeNodeUuid in (await placement.allocations(identity.serviceSession, id)).allocations;

/** Claims an alternate: the place before it is given back in the same step. */
async function claimAgain(deps: ConductorDeps, instanceId: InstanceId, spec: RequestSpec, place: Destination): Promise<Destination> {
  const selection = await deps.scheduler.selectDestinations({
    spec: { ...spec, requestedHost: place.host, requestedNode: place.node },
    instanceIds: [instanceId],
  });
  if (!selection.found) throw new KilonovaError('internal', selection.message, { code: 'NoValidHost' });
  return selection.destinations[0]?.chosen ?? place;
}

import type { IdentityClient } from '../../clients/identity.ts';
import type { ImageClient } from '../../clients/image.ts';
import type { NetworkClient } from '../../clients/network.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import type { VolumeClient } from '../../clients/volume.ts';
import type { Settings } from '../../config/index.ts';
import { computeAgent, computeTopic } from '../../contracts/compute.ts';
import { conductor, conductorTopic, type InstanceOnHost } from '../../contracts/conductor.ts';
import { scheduler, schedulerTopic } from '../../contracts/scheduler.ts';
import { guestName } from '../../domain/instance.ts';
import type { Clock } from '../../lib/clock.ts';
import type { IdSource } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';
import { startReconciler, type Reconciler } from '../../lib/reconciler/reconciler.ts';
import type { Bus } from '../../lib/rpc/bus.ts';
import type { Handlers } from '../../lib/rpc/contract.ts';
import { startSagaEngine, type SagaEngine } from '../../lib/saga/engine.ts';
import { findInstance, instancesOnHost, updateInstance } from '../../store/instances.ts';
import { openMovesOfHost } from '../../store/moves.ts';
import { cellSagaStore } from '../../store/sagas.ts';
import { cellOfHost, mapHost, recordNodes, recordService, recordStopped } from '../../store/services.ts';
import type { Stores } from '../../store/stores.ts';
import { createAuditor, type Auditor } from './audit/auditor.ts';
import type { ConductorDeps } from './deps.ts';
import { completeEvacuation } from './complete-evacuation.ts';
import { followGuest } from './follow-guest.ts';
import { orderSaga, sagaConsequences, sagaSteps } from './order-saga.ts';
import { readNetworkInfo } from './ports.ts';
import { deletedLongAgo } from './reconcilers/deleted-long-ago.ts';
import { shelvedTooLong } from './reconcilers/shelved-too-long.ts';
import { hostLiveness } from './reconcilers/host-liveness.ts';
import { ownServices } from './reconcilers/own-service.ts';
import { confirmOldResizes } from './reconcilers/confirm-old-resizes.ts';
import { clearEvacuatedHosts } from './reconcilers/clear-evacuated-hosts.ts';
import { forgetEndedSagas } from './reconcilers/ended-sagas.ts';
import { forgetConsoleTokens } from './reconcilers/expired-console-tokens.ts';
import { usageAudits } from './reconcilers/usage-audits.ts';
import { sagas } from './sagas/index.ts';

export interface ConductorOptions {
  readonly stores: Stores;
  readonly bus: Bus;
  readonly image: Pick<ImageClient, 'show' | 'list' | 'delete' | 'upload' | 'changeProperties'>;
  readonly network: NetworkClient;
  readonly volume: VolumeClient;
  readonly placement: PlacementClient;
  readonly identity: Pick<IdentityClient, 'serviceSession'>;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
}

export interface RunningConductor {
  readonly reconcilers: readonly Reconciler[];
  stop(): Promise<void>;
}

/** Starts a conductor: it serves the hosts, and runs sagas of all cells until it is stopped. Any number may run. */
export async function startConductor(options: ConductorOptions): Promise<RunningConductor> {
  const { stores, bus, settings, clock, ids, log } = options;
  const engines: SagaEngine[] = [];
  const wake = (): void => {
    for (const engine of engines) engine.wake();
  };
  const deps: ConductorDeps = {
    ...options,
    scheduler: bus.client(schedulerTopic, scheduler),
    agentOn: (host) => bus.client(computeTopic(host), computeAgent),
    wake,
  };
  const auditor = createAuditor(deps);
  const reconcilers: Reconciler[] = [];
  const served = await bus.serve(conductorTopic, conductor, handlersOf(deps, auditor, reconcilers));
  const owner = `${settings.DEFAULT.host}/${process.pid}/${ids.uuid().slice(0, 8)}`;
  for (const { database } of stores.cells())
    engines.push(startSagaEngine({ store: cellSagaStore(database), sagas, deps, owner, clock, log }));
  const own = [
    { binary: 'nova-conductor', topic: 'conductor' },
    { binary: 'nova-scheduler', topic: 'scheduler' },
  ];
  reconcilers.push(
    ...[
      hostLiveness(deps),
      ownServices(deps, own),
      forgetEndedSagas(deps),
      confirmOldResizes(deps),
      clearEvacuatedHosts(deps),
      ...shelvedTooLong(deps),
      ...deletedLongAgo(deps),
      usageAudits(deps),
      ...forgetConsoleTokens(deps),
      auditor.reconciler,
    ].map((spec) => startReconciler(spec, { clock, log })),
  );
  return {
    reconcilers,
    async stop() {
      await Promise.all(reconcilers.map((reconciler) => reconciler.stop()));
      await Promise.all(engines.map((engine) => engine.stop()));
      await served[Symbol.asyncDispose]();
    },
  };
}

/** What hosts and the API may ask. */
function handlersOf(deps: ConductorDeps, auditor: Auditor, reconcilers: readonly Reconciler[]): Handlers<typeof conductor> {
  const { stores, settings, ids } = deps;
  const onHost = async (host: string): Promise<InstanceOnHost[]> => {
    const database = stores.cell(await cellOfHost(stores, host));
    const arriving = (await openMovesOfHost(database, 'dest', host)).filter(({ type }) => type === 'live-migration');
    const instances = [
      ...(await instancesOnHost(database, host)),
      ...(await Promise.all(arriving.map(({ instanceId }) => findInstance(stores, instanceId)))).flatMap((found) =>
        found === null || found.instance.host === host ? [] : [found.instance],
      ),
    ];
    return instances.map((instance) => ({
      instanceId: instance.id,
      name: guestName(settings.DEFAULT.instance_name_template, instance),
      node: instance.node ?? '',
      vmState: instance.vmState,
      taskState: instance.taskState,
      powerState: instance.powerState,
      epoch: instance.epoch,
    }));
  };
  return {
    wake: () => Promise.resolve(deps.wake()),
    async hostStarted({ host, version, nodes }) {
      const cellId = await cellOfHost(stores, host);
      await mapHost(stores, host, cellId);
      const database = stores.cell(cellId);
      await recordService(database, {
        uuid: ids.uuid(),
        host,
        binary: 'nova-compute',
        topic: 'compute',
        version,
        enabled: settings.DEFAULT.enable_new_services,
      });
      await recordNodes(database, host, nodes);
      await deps.scheduler.refresh({}).catch(() => undefined); // a scheduler that is not there yet reads it all when it starts
      const leaving = await openMovesOfHost(database, 'source', host);
      const instances = await onHost(host);
      const here = new Set(instances.map(({ instanceId }) => instanceId));
      return {
        instances,
        setAside: leaving.filter(({ type }) => type === 'resize' || type === 'migration').map(({ instanceId }) => instanceId),
        evacuated: leaving
          .filter(({ type, instanceId, status }) => type === 'evacuation' && !(status === 'done' && here.has(instanceId)))
          .map(({ id, instanceId, status }) => ({ instanceId, moveId: id, made: status === 'done' })),
      };
    },
    async staleGuestsRemoved({ host, moveIds }) {
      const database = stores.cell(await cellOfHost(stores, host));
      for (const moveId of moveIds) await completeEvacuation(deps, database, moveId);
    },
    async hostStopped({ host }) {
      await recordStopped(stores.cell(await cellOfHost(stores, host)), 'nova-compute', host);
    },
    async nodesReported({ host, nodes }) {
      await recordNodes(stores.cell(await cellOfHost(stores, host)), host, nodes);
    },
    async guestsChanged({ host, events }) {
      const database = stores.cell(await cellOfHost(stores, host));
      for (const event of events) await followGuest(deps, database, host, event);
    },
    instancesOn: async ({ host }) => ({ instances: await onHost(host) }),
    async networkChanged({ instanceIds }) {
      for (const instanceId of instanceIds) {
        const found = await findInstance(stores, instanceId);
        // what is being built or deleted reads its ports itself
        if (found === null || found.instance.vmState === 'building' || found.instance.taskState === 'deleting') continue;
        await updateInstance(stores.cell(found.cellId), instanceId, { networkInfo: await readNetworkInfo(deps, found.instance) });
      }
    },
    sagaSteps: (args) => sagaSteps(deps, args),
    sagaConsequences: (args, { signal }) => sagaConsequences(deps, args, signal),
    orderSaga: (args) => orderSaga(deps, args),
    audit: ({ repair }, { signal }) => auditor.audit({ repair, signal }),
    reconcilers: () => Promise.resolve({ reconcilers: reconcilers.map((reconciler) => reconciler.status()) }),
  };
}

import type { InstanceId, PowerState, TaskState, VmState } from '../../../domain/instance.ts';
import type { ComputeAgent } from '../../../contracts/compute.ts';
import type { CommandOptions } from '../../../lib/rpc/contract.ts';
import { saga } from '../../../lib/saga/saga.ts';
import type { Executor } from '../../../lib/sql/database.ts';
import type { CellTables } from '../../../store/tables.ts';
import { findInstance, getInstance, transition } from '../../../store/instances.ts';
import type { Instance } from '../../../domain/instance.ts';
import type { ConductorDeps } from '../deps.ts';
import { guestNow } from '../guest-now.ts';
import { guestOrder } from '../guest-order.ts';
import { finishEvent } from '../outcome.ts';

export type PowerAction = 'start' | 'stop' | 'softReboot' | 'hardReboot' | 'pause' | 'unpause' | 'suspend' | 'resume';

export interface PowerParams {
  readonly instanceId: InstanceId;
  readonly action: PowerAction;
  readonly requestId: string;
  readonly startedAt: number;
}

interface PowerRule {
  /** What the host is asked. */
  readonly ask: (
    agent: ComputeAgent,
    instance: Instance,
    deps: ConductorDeps,
    options: CommandOptions,
  ) => Promise<{ readonly powerState: PowerState }>;
  readonly task: TaskState;
  readonly to: VmState;
  /** Nova's event name. */
  readonly event: string;
}

const order = (deps: ConductorDeps, instance: Instance) => guestOrder(deps.settings, instance);
/** How long a guest may take to shut down by itself. */
export const graceOf = (deps: ConductorDeps, instance: Instance): number => {
  const own = Number(instance.image?.properties['os_shutdown_timeout'] ?? Number.NaN);
  return Number.isInteger(own) && own >= 0 ? own : deps.settings.DEFAULT.shutdown_timeout;
};

/** Every change of power: who is asked for what, and where it leads. */
export const powerRules: Readonly<Record<PowerAction, PowerRule>> = {
  start: {
    ask: (agent, instance, deps, options) => agent.powerOn({ order: order(deps, instance) }, options),
    task: 'powering-on',
    to: 'active',
    event: 'compute_start_instance',
  },
  stop: {
    ask: (agent, instance, deps, options) => agent.powerOff({ instanceId: instance.id, graceSeconds: graceOf(deps, instance) }, options),
    task: 'powering-off',
    to: 'stopped',
    event: 'compute_stop_instance',
  },
  softReboot: {
    ask: (agent, instance, deps, options) => agent.reboot({ order: order(deps, instance), type: 'SOFT' }, options),
    task: 'rebooting',
    to: 'active',
    event: 'compute_reboot_instance',
  },
  hardReboot: {
    ask: (agent, instance, deps, options) => agent.reboot({ order: order(deps, instance), type: 'HARD' }, options),
    task: 'rebooting_hard',
    to: 'active',
    event: 'compute_reboot_instance',
  },
  pause: {
    ask: (agent, { id }, _deps, options) => agent.pause({ instanceId: id }, options),
    task: 'pausing',
    to: 'paused',
    event: 'compute_pause_instance',
  },
  unpause: {
    ask: (agent, { id }, _deps, options) => agent.unpause({ instanceId: id }, options),
    task: 'unpausing',
    to: 'active',
    event: 'compute_unpause_instance',
  },
  suspend: {
    ask: (agent, { id }, _deps, options) => agent.suspend({ instanceId: id }, options),
    task: 'suspending',
    to: 'suspended',
    event: 'compute_suspend_instance',
  },
  resume: {
    ask: (agent, instance, deps, options) => agent.resume({ order: order(deps, instance) }, options),
    task: 'resuming',
    to: 'active',
    event: 'compute_resume_instance',
  },
};

/** Changes the power of a guest. The API has already set the task state; this saga ends it one way or the other. */
export const changePower = saga<PowerParams, ConductorDeps>('change-power')
  .step('changed', {
    run: async ({ params, deps, idempotencyKey, signal }) => {
      const { instance } = await getInstance(deps.stores, params.instanceId);
      const { ask } = powerRules[params.action];
      const { powerState } = await ask(deps.agentOn(instance.host ?? ''), instance, deps, {
        key: idempotencyKey,
        epoch: instance.epoch,
        signal,
      });
      return { powerState, host: instance.host };
    },
    // nothing is taken back: the guest is what it is, and the instance says so
    undo: async ({ params, deps, failure }) => {
      const found = await findInstance(deps.stores, params.instanceId);
      if (found === null) return;
      const { instance, cellId } = found;
      const database = deps.stores.cell(cellId);
      const now = new Date(deps.clock.now()).toISOString();
      const state = await guestNow(deps, instance);
      await transition(
        database,
        instance.id,
        {
          whileTask: [powerRules[params.action].task],
          taskState: null,
          ...(state.vmState === undefined ? {} : { vmState: state.vmState }),
        },
        {
          ...(state.powerState === undefined ? {} : { powerState: state.powerState }),
          fault: { code: 500, message: failure.message.slice(0, 255), details: failure.message, created: now },
        },
      );
      await finishEvent(deps, database, {
        instanceId: instance.id,
        requestId: params.requestId,
        name: powerRules[params.action].event,
        startedAt: params.startedAt,
        host: instance.host,
        failure,
      });
    },
  })
  .pointOfNoReturn()
  .step('finished', {
    run: ({ params, results, deps, alongside }) => {
      const { to, task, event } = powerRules[params.action];
      // a server that has a guest is in the cell of its saga, and stays there
      alongside(async (tx: Executor<CellTables>) => {
        await transition(
          tx,
          params.instanceId,
          { whileTask: [task], vmState: to, taskState: null },
          { powerState: results.changed.powerState },
        );
        await finishEvent(deps, tx, {
          instanceId: params.instanceId,
          requestId: params.requestId,
          name: event,
          startedAt: params.startedAt,
          host: results.changed.host,
        });
      });
      return Promise.resolve(null);
    },
  });

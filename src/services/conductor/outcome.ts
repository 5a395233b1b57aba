import type { Instance, InstanceFault, InstanceId, TaskState, VmState } from '../../domain/instance.ts';
import type { Executor } from '../../lib/sql/database.ts';
import type { CellTables } from '../../store/tables.ts';
import type { WireError } from '../../lib/errors.ts';
import { recordEvent } from '../../store/actions.ts';
import { findInstance, transition, type InstanceChanges } from '../../store/instances.ts';
import type { CellDatabase } from '../../store/stores.ts';
import type { ConductorDeps } from './deps.ts';

/** Records how a step of an action ended, under Nova's event names. */
export async function finishEvent(
  deps: ConductorDeps,
  database: Executor<CellTables>,
  event: {
    readonly instanceId: string;
    readonly requestId: string;
    readonly name: string;
    readonly startedAt: number;
    readonly host: string | null;
    readonly failure?: WireError;
  },
): Promise<void> {
  await recordEvent(database, event.instanceId, event.requestId, {
    event: event.name,
    startTime: new Date(event.startedAt).toISOString(),
    finishTime: new Date(deps.clock.now()).toISOString(),
    result: event.failure === undefined ? 'Success' : 'Error',
    traceback: event.failure?.message ?? null,
    host: event.host,
    details: event.failure?.message ?? null,
  });
}

/** The code a fault shows for each kind of failure, as Nova's exceptions carry. */
const faultCodes: Partial<Readonly<Record<WireError['kind'], number>>> = {
  invalid: 400,
  forbidden: 403,
  quota: 403,
  notFound: 404,
  conflict: 409,
};

/** What every operation on one server is begun with (`operate` of the API). */
export interface OperationParams {
  readonly instanceId: InstanceId;
  readonly requestId: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

/** The failure as the server shows it when it is in ERROR. */
export const faultOf = (deps: ConductorDeps, failure: WireError): InstanceFault => ({
  code: faultCodes[failure.kind] ?? 500,
  message: failure.message.slice(0, 255),
  details: failure.message,
  created: new Date(deps.clock.now()).toISOString(),
});

/**
 * Ends an operation, well or badly: the server's states and what else changed, as far as the operation still owns the server, and its
 * event in the server's history. May run twice. Answers the server; null when it is gone, or owned by another operation (a delete) now.
 */
export async function concludeOperation(
  deps: ConductorDeps,
  params: OperationParams,
  end: {
    /** Nova's name of the event. */
    readonly event: string;
    /** The task states of this operation; others are left alone. */
    readonly whileTask: readonly (TaskState | null)[];
    /** Where it goes; stays when left out. */
    readonly vmState?: VmState;
    readonly changes?: InstanceChanges;
    readonly host: string | null;
    readonly failure?: WireError;
  },
): Promise<Instance | null> {
  const found = await findInstance(deps.stores, params.instanceId);
  if (found === null) return null;
  const database = deps.stores.cell(found.cellId);
  const moved = await transition(
    database,
    params.instanceId,
    { whileTask: end.whileTask, taskState: null, ...(end.vmState === undefined ? {} : { vmState: end.vmState }) },
    { ...end.changes, ...(end.failure === undefined ? {} : { fault: faultOf(deps, end.failure) }) },
  );
  await finishEvent(deps, database, {
    instanceId: params.instanceId,
    requestId: params.requestId,
    name: end.event,
    startedAt: params.startedAt,
    host: end.host,
    ...(end.failure === undefined ? {} : { failure: end.failure }),
  });
  return moved;
}

/** Puts an instance into ERROR with the reason, unless it is being deleted, which then goes on. */
export async function failInstance(deps: ConductorDeps, database: CellDatabase, id: string, failure: WireError): Promise<Instance | null> {
  return transition(
    database,
    id,
    { whileTask: [null, 'scheduling', 'block_device_mapping', 'networking', 'spawning'], vmState: 'error', taskState: null },
    { fault: faultOf(deps, failure), powerState: 0 },
  );
}

import type { Instance } from '../../domain/instance.ts';
import type { WireError } from '../../lib/errors.ts';
import { recordEvent } from '../../store/actions.ts';
import { transition } from '../../store/instances.ts';
import type { CellDatabase } from '../../store/stores.ts';
import type { ConductorDeps } from './deps.ts';

/** Records how a step of an action ended, under Nova's event names. */
export async function finishEvent(
  deps: ConductorDeps,
  database: CellDatabase,
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

/** Puts an instance into ERROR with the reason, unless it is being deleted, which then goes on. */
export async function failInstance(deps: ConductorDeps, database: CellDatabase, id: string, failure: WireError): Promise<Instance | null> {
  const now = new Date(deps.clock.now()).toISOString();
  const fault = { code: faultCodes[failure.kind] ?? 500, message: failure.message.slice(0, 255), details: failure.message, created: now };
  return transition(
    database,
    id,
    { whileTask: [null, 'scheduling', 'block_device_mapping', 'networking', 'spawning'], vmState: 'error', taskState: null },
    { fault, powerState: 0 },
  );
}

import type { TaskState, VmState } from '../../domain/instance.ts';
import type { WireError } from '../../lib/errors.ts';
import { findInstance } from '../../store/instances.ts';
import type { ConductorDeps } from './deps.ts';
import { guestNow } from './guest-now.ts';
import { concludeOperation, type OperationParams } from './outcome.ts';

/** Ends an operation that was undone: the server is as its host says its guest is, as far as `vmState` follows that; nothing is done to one that is gone. */
export async function concludeUndone(
  deps: ConductorDeps,
  params: OperationParams,
  {
    vmState = () => undefined,
    ...end
  }: {
    readonly event: string;
    readonly whileTask: readonly TaskState[];
    /** Where the server goes by what its guest says; it stays when left out. */
    readonly vmState?: (seen: VmState | undefined) => VmState | undefined;
    readonly failure: WireError;
  },
): Promise<void> {
  const found = await findInstance(deps.stores, params.instanceId);
  if (found === null) return;
  const seen = await guestNow(deps, found.instance);
  const to = vmState(seen.vmState);
  await concludeOperation(deps, params, {
    ...end,
    ...(to === undefined ? {} : { vmState: to }),
    changes: seen.powerState === undefined ? {} : { powerState: seen.powerState },
    host: found.instance.host,
  });
}

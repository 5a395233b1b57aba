import { powerStates, type Instance, type PowerState, type VmState } from '../../domain/instance.ts';
import type { ConductorDeps } from './deps.ts';

/** Where an instance stands whose guest is in this power state; null is no guest at all, and suspended is off with its memory kept. */
function stateOf(powerState: PowerState | null, before: VmState): { readonly vmState?: VmState; readonly powerState?: PowerState } {
  switch (powerState) {
    case null:
      return { vmState: 'error', powerState: powerStates.noState };
    case powerStates.running:
      return { vmState: 'active', powerState };
    case powerStates.paused:
      return { vmState: 'paused', powerState };
    case powerStates.shutdown:
    case powerStates.crashed:
      return { vmState: before === 'suspended' ? before : 'stopped', powerState };
    case powerStates.suspended:
      return { vmState: 'suspended', powerState };
    case powerStates.noState:
      return {};
    default:
      return powerState satisfies never;
  }
}

/** Where an instance stands by what its host says of the guest now; nothing when the host cannot be asked, or there is none. */
export async function guestNow(
  deps: ConductorDeps,
  instance: Instance,
): Promise<{ readonly vmState?: VmState; readonly powerState?: PowerState }> {
  if (instance.host === null) return {};
  const seen = await deps
    .agentOn(instance.host)
    .inspect({ instanceId: instance.id })
    .catch(() => undefined);
  return seen === undefined ? {} : stateOf(seen?.powerState ?? null, instance.vmState);
}

import type { InstanceOnHost } from '../../contracts/conductor.ts';
import type { GuestEvent } from '../../domain/hosts.ts';
import { powerStates, type PowerState } from '../../domain/instance.ts';

/** What is done about a guest that is not as its instance says. */
export type PowerMending =
  | { readonly kind: 'nothing' }
  /** The conductor is told, and judges. */
  | { readonly kind: 'tell'; readonly event: GuestEvent['event'] }
  /** The guest must not run. */
  | { readonly kind: 'powerOff' }
  /** The hypervisor does not know it, though it should be there. */
  | { readonly kind: 'lost' };

const nothing: PowerMending = { kind: 'nothing' };
const running: ReadonlySet<PowerState> = new Set<PowerState>([powerStates.running, powerStates.paused, powerStates.suspended]);

const eventOf: Readonly<Record<PowerState, GuestEvent['event'] | null>> = {
  [powerStates.noState]: null,
  [powerStates.running]: 'started',
  [powerStates.paused]: 'paused',
  [powerStates.shutdown]: 'stopped',
  [powerStates.crashed]: 'crashed',
  [powerStates.suspended]: 'suspended',
};

/** Nova's rules for power states: the hypervisor is right, but for a guest that runs although its user has stopped it. `actual` null: not there. */
export function powerMending(
  instance: Pick<InstanceOnHost, 'vmState' | 'taskState' | 'powerState'>,
  actual: PowerState | null,
): PowerMending {
  if (instance.taskState !== null) return nothing; // whoever works on it will say
  switch (instance.vmState) {
    case 'building':
    case 'deleted':
    case 'shelved_offloaded':
      return nothing;
    case 'stopped':
    case 'shelved':
    case 'soft-delete':
      if (actual !== null && running.has(actual)) return { kind: 'powerOff' };
      break;
    case 'error':
      if (actual === null) return nothing; // it may never have been made
      break;
    case 'active':
    case 'paused':
    case 'suspended':
    case 'rescued':
    case 'resized':
      break;
  }
  if (actual === null) return { kind: 'lost' };
  if (actual === instance.powerState) return disagrees(instance.vmState, actual);
  const event = eventOf[actual];
  return event === null ? nothing : { kind: 'tell', event };
}

/** The recorded power state is right, but the state of the instance does not follow from it: an earlier word was lost. */
function disagrees(vmState: InstanceOnHost['vmState'], actual: PowerState): PowerMending {
  const down = actual === powerStates.shutdown || actual === powerStates.crashed;
  if ((vmState === 'active' || vmState === 'paused') && down)
    return { kind: 'tell', event: actual === powerStates.crashed ? 'crashed' : 'stopped' };
  return nothing;
}

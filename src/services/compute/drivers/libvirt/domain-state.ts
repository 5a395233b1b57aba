import type { GuestEvent } from '../../../../domain/hosts.ts';
import { powerStates, type PowerState } from '../../../../domain/instance.ts';
import type { DomainState, LifecycleMessage } from '../../../../lib/libvirt/index.ts';

/** A domain's state by Nova's numbers. */
export const powerStateOf: Readonly<Record<DomainState, PowerState>> = {
  noState: powerStates.noState,
  running: powerStates.running,
  blocked: powerStates.running,
  paused: powerStates.paused,
  shuttingDown: powerStates.running, // Nova's word for a guest that has not gone down yet
  shutOff: powerStates.shutdown,
  crashed: powerStates.crashed,
  pmSuspended: powerStates.suspended,
  unknown: powerStates.noState,
};

/** What a lifecycle event tells of a guest; null for those that change nothing about its power. */
export function guestEventOf({ event, detail }: Pick<LifecycleMessage, 'event' | 'detail'>): GuestEvent['event'] | null {
  switch (event) {
    case 'started':
      return 'started';
    case 'resumed':
      return 'resumed';
    case 'suspended':
      return 'paused';
    case 'stopped':
      if (detail === 'saved') return 'suspended';
      return detail === 'crashed' || detail === 'failed' ? 'crashed' : 'stopped';
    case 'crashed':
      return 'crashed';
    case 'pmSuspended':
      return 'suspended';
    case 'defined':
    case 'undefined':
    case 'shutdown':
    case 'unknown':
      return null;
  }
}

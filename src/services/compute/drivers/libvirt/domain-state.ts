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

/** A state by the number that statistics give. */
export const domainStateAt = (number: number): DomainState => (Object.keys(powerStateOf) as DomainState[])[number] ?? 'unknown';

type EventOf = (detail: LifecycleMessage['detail']) => GuestEvent['event'] | null;
const nothing: EventOf = () => null;

/** What each lifecycle event tells of a guest; null for those that change nothing about its power. */
const eventOf: Readonly<Record<LifecycleMessage['event'], EventOf>> = {
  started: () => 'started',
  resumed: () => 'resumed',
  suspended: () => 'paused',
  stopped: (detail) => (detail === 'saved' ? 'suspended' : detail === 'crashed' || detail === 'failed' ? 'crashed' : 'stopped'),
  crashed: () => 'crashed',
  pmSuspended: () => 'suspended',
  defined: nothing,
  undefined: nothing,
  shutdown: nothing,
  unknown: nothing,
};

export const guestEventOf = ({ event, detail }: Pick<LifecycleMessage, 'event' | 'detail'>): GuestEvent['event'] | null =>
  eventOf[event](detail);

import type { Instance, TaskState, VmState } from './instance.ts';

/** What one can do to an instance: from which states, what it shows meanwhile, and who does it. */
export interface InstanceAction {
  readonly from: readonly VmState[] | 'any';
  /** Task states it may begin in, besides none; `any` interrupts whatever is done. */
  readonly interrupts?: readonly TaskState[] | 'any';
  /** The task state while it is done. */
  readonly task: TaskState;
  /** Nova's name of the instance action, as `os-instance-actions` shows it. */
  readonly recordedAs: string;
  /** Refused for an instance that was never launched. */
  readonly mustHaveLaunched?: boolean;
}

const hardRebootInterrupts = [
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'rebooting_hard',
  'reboot_pending_hard',
  'reboot_started_hard',
  'resuming',
  'pausing',
  'unpausing',
  'suspending',
] as const satisfies readonly TaskState[];

/** Everything one can do to an instance; the API refuses by it, the documentation and the dashboard show it (Nova's `check_instance_state`). */
export const instanceActions = {
  start: { from: ['stopped'], task: 'powering-on', recordedAs: 'start' },
  stop: { from: ['active', 'error'], task: 'powering-off', recordedAs: 'stop', mustHaveLaunched: true },
  softReboot: { from: ['active'], task: 'rebooting', recordedAs: 'reboot' },
  hardReboot: {
    from: ['active', 'stopped', 'paused', 'suspended', 'error'],
    interrupts: hardRebootInterrupts,
    task: 'rebooting_hard',
    recordedAs: 'reboot',
  },
  pause: { from: ['active'], task: 'pausing', recordedAs: 'pause' },
  unpause: { from: ['paused'], task: 'unpausing', recordedAs: 'unpause' },
  suspend: { from: ['active'], task: 'suspending', recordedAs: 'suspend' },
  resume: { from: ['suspended'], task: 'resuming', recordedAs: 'resume' },
  delete: { from: 'any', interrupts: 'any', task: 'deleting', recordedAs: 'delete' },
} as const satisfies Record<string, InstanceAction>;

export type ActionName = keyof typeof instanceActions;

/** Why `name` cannot be done to this instance now, or null when it can. */
export function reasonAgainst(name: ActionName, instance: Pick<Instance, 'vmState' | 'taskState' | 'launchedAt'>): string | null {
  const { from, interrupts = [], mustHaveLaunched = false }: InstanceAction = instanceActions[name];
  if (from !== 'any' && !from.includes(instance.vmState)) return `while it is in vm_state ${instance.vmState}`;
  if (instance.taskState !== null && interrupts !== 'any' && !interrupts.includes(instance.taskState))
    return `while it is in task_state ${instance.taskState}`;
  if (mustHaveLaunched && instance.launchedAt === null) return 'because it was never launched';
  return null;
}

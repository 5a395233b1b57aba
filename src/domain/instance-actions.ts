import type { Instance, TaskState, VmState } from './instance.ts';

/** What one can do to an instance: from which states, what it shows meanwhile, and who does it. */
export interface InstanceAction {
  readonly from: readonly VmState[] | 'any';
  /** Task states it may begin in, besides none; `any` interrupts whatever is done. */
  readonly interrupts?: readonly TaskState[] | 'any';
  /** The task state while it is done; null for what leaves the server free for other actions meanwhile, as in Nova. */
  readonly task: TaskState | null;
  /** Nova's name of the instance action, as `os-instance-actions` shows it. */
  readonly recordedAs: string;
  /** Set for what can be done to an instance that was never launched, too. */
  readonly beforeLaunch?: boolean;
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
  stop: { from: ['active', 'error'], task: 'powering-off', recordedAs: 'stop' },
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
  delete: { from: 'any', interrupts: 'any', task: 'deleting', recordedAs: 'delete', beforeLaunch: true },
  softDelete: { from: 'any', interrupts: 'any', task: 'soft-deleting', recordedAs: 'delete' },
  restore: { from: ['soft-delete'], task: 'restoring', recordedAs: 'restore' },
  rescue: { from: ['active', 'stopped', 'error'], task: 'rescuing', recordedAs: 'rescue' },
  unrescue: { from: ['rescued'], task: 'unrescuing', recordedAs: 'unrescue' },
  rebuild: { from: ['active', 'stopped', 'error'], task: 'rebuilding', recordedAs: 'rebuild' },
  resize: { from: ['active', 'stopped'], task: 'resize_prep', recordedAs: 'resize' },
  migrate: { from: ['active', 'stopped'], task: 'resize_prep', recordedAs: 'migrate' },
  confirmResize: { from: ['resized'], task: 'resize_confirming', recordedAs: 'confirmResize' },
  revertResize: { from: ['resized'], task: 'resize_reverting', recordedAs: 'revertResize' },
  liveMigrate: { from: ['active', 'paused'], task: 'migrating', recordedAs: 'live-migration' },
  evacuate: { from: ['active', 'stopped', 'error'], interrupts: 'any', task: 'rebuilding', recordedAs: 'evacuate' },
  shelve: { from: ['active', 'stopped', 'paused', 'suspended'], task: 'shelving', recordedAs: 'shelve' },
  shelveOffload: { from: ['shelved'], task: 'shelving_offloading', recordedAs: 'shelveOffload' },
  unshelve: { from: ['shelved', 'shelved_offloaded'], task: 'unshelving', recordedAs: 'unshelve' },
  snapshot: {
    from: ['active', 'stopped', 'paused', 'suspended'],
    task: 'image_snapshot_pending',
    recordedAs: 'createImage',
  },
  backup: { from: ['active', 'stopped', 'paused', 'suspended'], task: 'image_backup', recordedAs: 'createBackup' },
  setAdminPassword: { from: ['active'], task: 'updating_password', recordedAs: 'changePassword' },
  attachVolume: {
    from: ['active', 'paused', 'stopped', 'resized', 'soft-delete', 'shelved', 'shelved_offloaded'],
    task: null,
    recordedAs: 'attach_volume',
  },
  detachVolume: {
    from: ['active', 'paused', 'stopped', 'resized', 'soft-delete', 'shelved', 'shelved_offloaded'],
    task: null,
    recordedAs: 'detach_volume',
  },
  swapVolume: { from: ['active', 'paused', 'resized'], task: null, recordedAs: 'swap_volume' },
  extendVolume: { from: 'any', interrupts: 'any', task: null, recordedAs: 'extend_volume', beforeLaunch: true },
  attachInterface: { from: ['active', 'paused', 'stopped'], task: null, recordedAs: 'attach_interface' },
  detachInterface: { from: ['active', 'paused', 'stopped'], task: null, recordedAs: 'detach_interface' },
  triggerCrashDump: {
    from: ['active', 'paused', 'rescued', 'resized', 'error'],
    task: null,
    recordedAs: 'trigger_crash_dump',
  },
} as const satisfies Record<string, InstanceAction>;

export type ActionName = keyof typeof instanceActions;

/** The reason that is no state. */
export const neverLaunched = 'because it was never launched';

/** Why `name` cannot be done to this instance now, or null when it can. */
export function reasonAgainst(name: ActionName, instance: Pick<Instance, 'vmState' | 'taskState' | 'launchedAt'>): string | null {
  const { from, interrupts = [], beforeLaunch = false }: InstanceAction = instanceActions[name];
  if (from !== 'any' && !from.includes(instance.vmState)) return `while it is in vm_state ${instance.vmState}`;
  if (instance.taskState !== null && interrupts !== 'any' && !interrupts.includes(instance.taskState))
    return `while it is in task_state ${instance.taskState}`;
  if (!beforeLaunch && instance.launchedAt === null) return neverLaunched;
  return null;
}

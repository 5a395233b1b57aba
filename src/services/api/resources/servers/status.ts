import type { Instance, TaskState, VmState } from '../../../../domain/instance.ts';

type Status = string;
const rebuild: readonly TaskState[] = ['rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning'];
const resize: readonly TaskState[] = ['resize_prep', 'resize_migrating', 'resize_migrated', 'resize_finish'];

interface StatusRule {
  readonly status: Status;
  readonly whileTask?: readonly { readonly tasks: readonly TaskState[]; readonly status: Status }[];
}

/** What a server's status is, by vm_state and, for some, task_state. */
export const statusRules: Readonly<Record<VmState, StatusRule>> = {
  active: {
    status: 'ACTIVE',
    whileTask: [
      { tasks: ['rebooting', 'reboot_pending', 'reboot_started'], status: 'REBOOT' },
      { tasks: ['rebooting_hard', 'reboot_pending_hard', 'reboot_started_hard'], status: 'HARD_REBOOT' },
      { tasks: ['updating_password'], status: 'PASSWORD' },
      { tasks: rebuild, status: 'REBUILD' },
      { tasks: ['migrating'], status: 'MIGRATING' },
      { tasks: resize, status: 'RESIZE' },
    ],
  },
  building: { status: 'BUILD' },
  stopped: {
    status: 'SHUTOFF',
    whileTask: [
      { tasks: resize, status: 'RESIZE' },
      { tasks: rebuild, status: 'REBUILD' },
    ],
  },
  resized: { status: 'VERIFY_RESIZE', whileTask: [{ tasks: ['resize_reverting'], status: 'REVERT_RESIZE' }] },
  paused: { status: 'PAUSED', whileTask: [{ tasks: ['migrating'], status: 'MIGRATING' }] },
  suspended: { status: 'SUSPENDED' },
  rescued: { status: 'RESCUE' },
  error: { status: 'ERROR', whileTask: [{ tasks: rebuild, status: 'REBUILD' }] },
  deleted: { status: 'DELETED' },
  'soft-delete': { status: 'SOFT_DELETED' },
  shelved: { status: 'SHELVED' },
  shelved_offloaded: { status: 'SHELVED_OFFLOADED' },
};

/** The status of a server as clients see it. */
export function statusOf({ vmState, taskState }: Pick<Instance, 'vmState' | 'taskState'>): Status {
  const rule = statusRules[vmState];
  return rule.whileTask?.find(({ tasks }) => taskState !== null && tasks.includes(taskState))?.status ?? rule.status;
}

/** The states a status filter selects: vm_states, and task states where only those make the status; null for an unknown status. */
export function statesOf(
  status: Status,
): { readonly vmStates: readonly VmState[]; readonly taskStates: readonly TaskState[] | null } | null {
  const vmStates: VmState[] = [];
  const taskStates: TaskState[] = [];
  let byDefault = false;
  for (const [vmState, rule] of Object.entries(statusRules) as [VmState, StatusRule][]) {
    const tasks = (rule.whileTask ?? []).filter((entry) => entry.status === status).flatMap((entry) => entry.tasks);
    if (rule.status !== status && tasks.length === 0) continue;
    vmStates.push(vmState);
    taskStates.push(...tasks);
    byDefault ||= rule.status === status;
  }
  return vmStates.length === 0 ? null : { vmStates, taskStates: byDefault ? null : taskStates };
}

/** Statuses in which a server shows its progress. */
export const showsProgress = (status: Status): boolean =>
  ['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING'].includes(status);

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { instanceActions, reasonAgainst, type ActionName } from '../../../../domain/instance-actions.ts';
import type { Instance, TaskState, VmState } from '../../../../domain/instance.ts';
import { transition, updateInstance } from '../../../../store/instances.ts';
import { startApiUnderTest, type ApiUnderTest } from '../../test-support/api-under-test.ts';
import { sampleImage, sampleInstanceImage } from '../../../../../test/support/samples.ts';

/** Every state, as Nova has them; written down once more, so that a state that is left out or added is seen. */
const vmStates: readonly VmState[] =
  'building active paused suspended stopped rescued resized soft-delete deleted error shelved shelved_offloaded'.split(' ') as VmState[];
const tasks: readonly TaskState[] = [
  'scheduling block_device_mapping networking spawning image_snapshot_pending image_snapshot image_pending_upload image_uploading',
  'image_backup updating_password resize_prep resize_migrating resize_migrated resize_finish resize_reverting resize_confirming',
  'rebooting reboot_pending reboot_started rebooting_hard reboot_pending_hard reboot_started_hard pausing unpausing suspending resuming',
  'powering-off powering-on rescuing unrescuing rebuilding rebuild_block_device_mapping rebuild_spawning migrating deleting soft-deleting',
  'restoring shelving shelving_image_pending_upload shelving_image_uploading shelving_offloading unshelving',
]
  .join(' ')
  .split(' ') as TaskState[];

/** What Nova allows each action in: vm_states, and task states besides none; `any` is any. */
interface Row {
  readonly vm: string;
  readonly task?: string;
}
const hardRebootTasks =
  'rebooting reboot_pending reboot_started rebooting_hard reboot_pending_hard reboot_started_hard resuming pausing unpausing suspending';
const table: Readonly<Record<ActionName, Row>> = {
  delete: { vm: 'any', task: 'any' },
  softDelete: { vm: 'any', task: 'any' },
  restore: { vm: 'soft-delete' },
  start: { vm: 'stopped' },
  stop: { vm: 'active error' },
  softReboot: { vm: 'active' },
  hardReboot: { vm: 'active stopped paused suspended error', task: hardRebootTasks },
  pause: { vm: 'active' },
  unpause: { vm: 'paused' },
  suspend: { vm: 'active' },
  resume: { vm: 'suspended' },
  rescue: { vm: 'active stopped error' },
  unrescue: { vm: 'rescued' },
  rebuild: { vm: 'active stopped error' },
  resize: { vm: 'active stopped' },
  migrate: { vm: 'active stopped' },
  confirmResize: { vm: 'resized' },
  revertResize: { vm: 'resized' },
  shelve: { vm: 'active stopped paused suspended' },
  shelveOffload: { vm: 'shelved' },
  unshelve: { vm: 'shelved shelved_offloaded' },
  snapshot: { vm: 'active stopped paused suspended' },
  backup: { vm: 'active stopped paused suspended' },
  setAdminPassword: { vm: 'active' },
  attachVolume: { vm: 'active paused stopped resized soft-delete shelved shelved_offloaded' },
  detachVolume: { vm: 'active paused stopped resized soft-delete shelved shelved_offloaded' },
  swapVolume: { vm: 'active paused resized' },
  extendVolume: { vm: 'any', task: 'any' }, // the volume service tells of what has happened already
  attachInterface: { vm: 'active paused stopped' },
  detachInterface: { vm: 'active paused stopped' },
  liveMigrate: { vm: 'active paused' },
  evacuate: { vm: 'active stopped error', task: 'any' },
  triggerCrashDump: { vm: 'active paused rescued resized error' },
};
/** May be done to a server that has never run. */
const beforeLaunch: readonly ActionName[] = ['delete', 'extendVolume'];

const includes = (list: string, state: string): boolean => list === 'any' || list.split(' ').includes(state);
/** What the table says of a server in these states: which of them is in the way, or none. */
const judged = ({ vm, task = '' }: Row, vmState: VmState, taskState: TaskState | null): string | null =>
  !includes(vm, vmState)
    ? `while it is in vm_state ${vmState}`
    : taskState !== null && !includes(task, taskState)
      ? `while it is in task_state ${taskState}`
      : null;

test.each(Object.keys(instanceActions) as ActionName[])('%s may be begun in the states that are published, and in no others', (action) => {
  const wrong: unknown[] = [];
  for (const vmState of vmStates) {
    for (const taskState of [null, ...tasks]) {
      const expected = judged(table[action], vmState, taskState);
      const found = reasonAgainst(action, { vmState, taskState, launchedAt: '2026-01-02T03:04:05Z' });
      if (found !== expected) wrong.push({ vmState, taskState, found, expected });
    }
  }
  expect(wrong).toEqual([]);
});

test('what may be done to a server that never ran', () => {
  const allowed = (Object.keys(instanceActions) as ActionName[]).filter((action) => {
    const vmState = vmStates.find((state) => includes(table[action].vm, state))!;
    return reasonAgainst(action, { vmState, taskState: null, launchedAt: null }) === null;
  });
  expect(allowed).toEqual(beforeLaunch);
});

const imageId = '0f0f0f0f-0000-4000-8000-000000000001';
const image = sampleInstanceImage({ id: imageId });

/** What is asked of the API, with the action it is, as the refusal calls it. */
const requests: readonly { readonly body: object; readonly action: ActionName; readonly version?: string; readonly method?: 'DELETE' }[] = [
  { body: { 'os-start': null }, action: 'start' },
  { body: { 'os-stop': null }, action: 'stop' },
  { body: { reboot: { type: 'SOFT' } }, action: 'softReboot' },
  { body: { reboot: { type: 'HARD' } }, action: 'hardReboot' },
  { body: { pause: null }, action: 'pause' },
  { body: { unpause: null }, action: 'unpause' },
  { body: { suspend: null }, action: 'suspend' },
  { body: { resume: null }, action: 'resume' },
  { body: { restore: null }, action: 'restore' },
  { body: { forceDelete: null }, action: 'delete' },
  { body: { rescue: null }, action: 'rescue' },
  { body: { unrescue: null }, action: 'unrescue' },
  { body: { rebuild: { imageRef: imageId } }, action: 'rebuild' },
  { body: { createImage: { name: 'x' } }, action: 'snapshot' },
  { body: { createBackup: { name: 'x', backup_type: 'daily', rotation: 1 } }, action: 'backup' },
  { body: { shelve: null }, action: 'shelve' },
  { body: { shelveOffload: null }, action: 'shelveOffload' },
  { body: { unshelve: null }, action: 'unshelve' },
  { body: { changePassword: { adminPass: 'x' } }, action: 'setAdminPassword' },
  { body: { trigger_crash_dump: null }, action: 'triggerCrashDump', version: '2.17' },
];

describe('the API', () => {
  let api: ApiUnderTest;
  let id: Instance['id'];
  beforeAll(async () => {
    api = await startApiUnderTest();
    await api.host('host-1', {}, { setPassword: () => Promise.resolve() });
    api.neighbours.images.set(imageId, sampleImage({ id: imageId }));
    ({ id } = await api.server({ image }));
  });
  afterAll(() => api[Symbol.asyncDispose]());

  test.each(requests)('answers $body as the table says, whatever state the server is in', async ({ body, action, version = '2.1' }) => {
    const [fine] = vmStates.filter((state) => includes(table[action].vm, state) && state !== 'deleted' && state !== 'building');
    const states = [
      ...vmStates.filter((state) => state !== 'deleted').map((vmState) => ({ vmState, taskState: null })),
      ...tasks.map((taskState) => ({ vmState: fine!, taskState })),
    ];
    const wrong: unknown[] = [];
    for (const { vmState, taskState } of states) {
      const database = api.stores.defaultCell.database;
      await transition(database, id, { vmState, taskState });
      await updateInstance(database, id, { image });
      const { status, body: answer } = await api.as('alpha.admin')('POST', `/servers/${id}/action`, { version, body });
      const reason = judged(table[action], vmState, taskState);
      const name = instanceActions[action].recordedAs;
      const expected = reason === null ? 'accepted' : `409 Cannot '${name}' instance ${id} ${reason}`;
      const found = status < 300 ? 'accepted' : `${status} ${answer?.conflictingRequest?.message ?? JSON.stringify(answer)}`;
      if (found !== expected) wrong.push({ vmState, taskState, found, expected });
    }
    expect(wrong).toEqual([]);
  });

  test('refuses what a locked server does not bear, but for administrators', async () => {
    const database = api.stores.defaultCell.database;
    const bearable = new Set<ActionName>(['snapshot', 'backup']);
    const answers: unknown[] = [];
    for (const { body, action, version = '2.1' } of requests) {
      const [fine] = vmStates.filter((state) => includes(table[action].vm, state) && state !== 'deleted' && state !== 'building');
      await transition(database, id, { vmState: fine!, taskState: null });
      await updateInstance(database, id, { lockedBy: 'owner', image });
      const { status } = await api.as('alpha.member')('POST', `/servers/${id}/action`, { version, body });
      const expected = bearable.has(action) ? 202 : action === 'shelveOffload' ? 403 : 409;
      if (status !== expected) answers.push({ body, status, expected });
    }
    await updateInstance(database, id, { lockedBy: null });
    expect(answers).toEqual([]);
  });

  test('knows a server that never ran', async () => {
    const building = await api.server({ image, vmState: 'error', launchedAt: null });
    const { body } = await api.as('alpha.member')('POST', `/servers/${building.id}/action`, { body: { rebuild: { imageRef: imageId } } });
    expect(body.conflictingRequest.message).toBe(`Instance ${building.id} is in an invalid state for 'rebuild'`);
  });
});

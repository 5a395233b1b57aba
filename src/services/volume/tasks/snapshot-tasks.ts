import { nowOf } from '../deps.ts';
import { storedVolume } from '../records.ts';
import { deleteSnapshotRow, findSnapshot, updateSnapshot } from '../store/snapshots.ts';
import { findVolume } from '../store/volumes.ts';
import { nothing, textOf, type TaskHandler } from './handler.ts';

export const createSnapshot: TaskHandler = {
  async run(deps, task) {
    const snapshotId = textOf(task, 'snapshotId');
    const volume = await findVolume(deps.database, task.subject);
    const snapshot = await findSnapshot(deps.database, snapshotId);
    if (volume === null || snapshot?.status !== 'creating') return nothing;
    await deps.backend.snapshot(storedVolume(volume), snapshotId);
    return (tx) => updateSnapshot(tx, snapshotId, { status: 'available' }, nowOf(deps));
  },
  giveUp: async (deps, task) => (tx) => updateSnapshot(tx, textOf(task, 'snapshotId'), { status: 'error' }, nowOf(deps)),
};

export const deleteSnapshot: TaskHandler = {
  async run(deps, task) {
    const snapshotId = textOf(task, 'snapshotId');
    const volume = await findVolume(deps.database, task.subject);
    if (volume !== null) await deps.backend.removeSnapshot(storedVolume(volume), snapshotId);
    return (tx) => deleteSnapshotRow(tx, snapshotId);
  },
  giveUp: async (deps, task) => (tx) => updateSnapshot(tx, textOf(task, 'snapshotId'), { status: 'error_deleting' }, nowOf(deps)),
};

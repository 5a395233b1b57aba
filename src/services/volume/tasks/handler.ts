import type { VolumeDeps } from '../deps.ts';
import type { Task } from '../store/tasks.ts';
import type { VolumeExecutor } from '../tables.ts';

/** What is written in the transaction that ends a task. */
export type Finish = (tx: VolumeExecutor) => Promise<void>;

/** How one kind of task is done. */
export interface TaskHandler {
  /** Does it; may be done again when it was interrupted, and then ends as if it had been done once. */
  run(deps: VolumeDeps, task: Task, signal: AbortSignal): Promise<Finish>;
  /** Says where it shows that it could not be done. */
  giveUp(deps: VolumeDeps, task: Task): Promise<Finish>;
}

/** A parameter of a task, as whoever promised it wrote it. */
export const textOf = ({ params }: Task, name: string): string => String(params[name]);

export const nothing: Finish = async () => undefined;

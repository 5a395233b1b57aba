import type { ComputeEvent } from '../deps.ts';
import { nothing, type TaskHandler } from './handler.ts';

export const tellCompute: TaskHandler = {
  async run(deps, task) {
    await deps.tellCompute(task.params as unknown as ComputeEvent);
    return nothing;
  },
  giveUp: async () => nothing,
};

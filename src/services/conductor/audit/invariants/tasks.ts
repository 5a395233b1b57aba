import { internal } from '../../../../lib/errors.ts';
import { transition } from '../../../../store/instances.ts';
import { insertSagas } from '../../../../store/sagas.ts';
import type { TaskState } from '../../../../domain/instance.ts';
import type { ConductorDeps } from '../../deps.ts';
import { failInstance } from '../../outcome.ts';
import type { Finding, Invariant } from '../invariant.ts';

interface Stranded {
  readonly id: string;
  readonly vmState: string;
  readonly task: TaskState;
  readonly cellId: string;
}

/** A task state is the sign of an operation; without one, nobody would ever take it away. */
export const tasks: Invariant = {
  name: 'task-has-saga',
  says: 'A server in a task state has an operation that has not ended.',
  async check({ deps, endedSaga }) {
    const found: Finding[] = [];
    for (const { id: cellId, database } of deps.stores.cells()) {
      const rows = await database
        .selectFrom('instances')
        .select(['uuid', 'vm_state', 'task_state'])
        .where('deleted_at', 'is', null)
        .where('task_state', 'is not', null)
        // those of the same cell are left out here, the others when all findings are compared with what is under way
        .where((outer) =>
          outer.not(
            outer.exists(
              outer
                .selectFrom('sagas')
                .select('id')
                .whereRef('sagas.subject', '=', (eb) => eb.cast<string>('instances.uuid', 'text'))
                .where('state', 'in', ['running', 'unwinding'])
                .where((saga) => (endedSaga === null ? saga.lit(true) : saga('id', '!=', endedSaga))),
            ),
          ),
        )
        .execute();
      for (const { uuid, vm_state, task_state } of rows) {
        const stranded: Stranded = { id: uuid, vmState: vm_state, task: task_state as TaskState, cellId };
        found.push({
          subject: `server ${uuid}`,
          what: `It is in task_state ${stranded.task}, and nothing is being done to it.`,
          repair: remedy(stranded).words,
          excusedBy: [uuid],
          mend: () => remedy(stranded).mend(deps),
        });
      }
    }
    return found;
  },
};

/** A delete is carried through, a build has failed, anything else is over: the host tells then how the guest is. */
function remedy({ id, vmState, task, cellId }: Stranded): {
  readonly words: string;
  readonly mend: (deps: ConductorDeps) => Promise<void>;
} {
  if (task === 'deleting') {
    return {
      words: 'Delete it again.',
      mend: async (deps) => {
        const params = { instanceId: id, requestId: `req-${deps.ids.uuid()}`, startedAt: deps.clock.now() };
        await insertSagas(deps.stores.cell(cellId), [{ id: deps.ids.uuid(), name: 'delete-instance', subject: id, params }]);
        deps.wake();
      },
    };
  }
  if (vmState === 'building') return { words: 'Put it into ERROR.', mend: (deps) => failLost(deps, cellId, id) };
  return {
    words: 'Take the task state away; the host’s next look at its guests sets the power state.',
    mend: async (deps) => void (await transition(deps.stores.cell(cellId), id, { whileTask: [task], taskState: null })),
  };
}

/** Puts a server whose build nobody goes on with into ERROR, with the reason. */
export async function failLost(deps: ConductorDeps, cellId: string, id: string): Promise<void> {
  const failed = await failInstance(deps, deps.stores.cell(cellId), id, {
    kind: 'internal',
    message: 'The build was lost; the auditor has found the server without one.',
  });
  if (failed === null) throw internal('Its state has changed meanwhile.');
}

import { sagas } from '../../../src/services/conductor/sagas/index.ts';

/** Where the server that the operations work on stands. */
export type Stage = 'none' | 'active' | 'resized' | 'attached';

/** What a user asks for, with the sagas that carry it out, one after the other. */
const operations = {
  build: { sagas: ['place-instances', 'build-instance'], from: 'none', to: 'active' },
  resize: { sagas: ['resize-instance'], from: 'active', to: 'resized' },
  confirm: { sagas: ['confirm-resize'], from: 'resized', to: 'active' },
  revert: { sagas: ['revert-resize'], from: 'resized', to: 'active' },
  rebuild: { sagas: ['rebuild-instance'], from: 'active', to: 'active' },
  attach: { sagas: ['attach-volume'], from: 'active', to: 'attached' },
  detach: { sagas: ['detach-volume'], from: 'attached', to: 'active' },
  delete: { sagas: ['delete-instance'], from: 'active', to: 'none' },
} as const satisfies Readonly<Record<string, { readonly sagas: readonly string[]; readonly from: Stage; readonly to: Stage }>>;

export type OperationName = keyof typeof operations;
export const operationNames = Object.keys(operations) as readonly OperationName[];
export const victimNames = ['kilonova', 'libvirtd', 'postgresql'] as const;
export type VictimName = (typeof victimNames)[number];

export interface Operation {
  readonly name: OperationName;
  readonly sagas: readonly string[];
  /** Its steps in their order, those of all its sagas. */
  readonly steps: readonly string[];
  readonly from: Stage;
  readonly to: Stage;
}

export function operation(name: OperationName): Operation {
  const { sagas: names, from, to } = operations[name];
  const steps = names.flatMap((wanted) => {
    const found = sagas.find((saga) => saga.name === wanted);
    if (found === undefined) throw new Error(`there is no saga ${wanted} any more`);
    return found.steps.map((step) => step.name);
  });
  return { name, sagas: names, steps, from, to };
}

/** One death: of whom, in which operation, and after how many lines of its log. */
export interface Cell {
  readonly operation: OperationName;
  readonly victim: VictimName;
  readonly after: number;
}

export const nameOf = ({ operation: name, victim, after }: Cell): string => `${name}/${victim}/${after}`;

/** All cells, or those that one of the choices names: `resize`, `resize/libvirtd`, `resize/libvirtd/2`. */
export function chosenCells(choices: readonly string[]): readonly Cell[] {
  const all = victimNames.flatMap((victim) =>
    operationNames.flatMap((name) => operation(name).steps.map((_, after): Cell => ({ operation: name, victim, after }))),
  );
  if (choices.length === 0) return all;
  const fits = (cell: Cell, choice: string): boolean => {
    const [name, victim, after] = choice.split('/');
    return (
      (name === '*' || name === cell.operation) &&
      (victim === undefined || victim === '*' || victim === cell.victim) &&
      (after === undefined || after === String(cell.after))
    );
  };
  const none = choices.find((choice) => !all.some((cell) => fits(cell, choice)));
  if (none !== undefined)
    throw new Error(
      `${none} names no cell: it must be OPERATION[/VICTIM[/LINES]], of ${operationNames.join(', ')} and ${victimNames.join(', ')}`,
    );
  return all.filter((cell) => choices.some((choice) => fits(cell, choice)));
}

/** The operation to do next on a server at this stage, so that some of these cells can be tried at last; null when there is none. */
export function nextOperation(stage: Stage, cells: readonly Cell[]): OperationName | null {
  const wanted = new Set(cells.map((cell) => cell.operation));
  const seen = new Set<Stage>([stage]);
  let paths: readonly { readonly at: Stage; readonly first: OperationName | null }[] = [{ at: stage, first: null }];
  while (paths.length > 0) {
    for (const { at, first } of paths) {
      const here = operationNames.find((name) => wanted.has(name) && operations[name].from === at);
      if (here !== undefined) return first ?? here;
    }
    paths = paths.flatMap(({ at, first }) =>
      operationNames.flatMap((name) => {
        const { from, to } = operations[name];
        if (from !== at || seen.has(to)) return [];
        seen.add(to);
        return [{ at: to, first: first ?? name }];
      }),
    );
  }
  return null;
}

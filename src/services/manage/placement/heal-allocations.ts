import type { NewAllocations } from '../../../clients/placement.ts';
import { isKind, messageOf } from '../../../lib/errors.ts';
import { isUuid } from '../../../lib/ids.ts';
import { requestSpecOf } from '../../../store/mappings.ts';
import { findPlacedInstance, placedInstances, type PlacedInstance } from '../../../store/placed-instances.ts';
import { findNode } from '../../../store/services.ts';
import { badUsage, type ManageDeps } from '../manage-deps.ts';

export interface HealOptions {
  /** How many servers to look at, at most. */
  readonly maxCount?: string;
  readonly verbose?: true;
  readonly dryRun?: true;
  readonly instance?: string;
  readonly cell?: string;
  readonly skipPortAllocations?: true;
  readonly force?: true;
}

/** Exit codes, as `nova-manage placement heal_allocations` has them. Ports ask for no resources here, so its codes 5 to 7 do not come up. */
const ended = { healed: 0, moreToDo: 1, noNode: 2, notWritten: 3, nothingToDo: 4 } as const;

const pageSize = 50;
type Outcome = 'healed' | 'wouldHeal' | 'fine' | 'noNode' | 'notWritten';

/** Gives servers on hosts the allocations they must have and do not; with `force`, replaces what one server has. */
export async function healAllocations(deps: ManageDeps, options: HealOptions): Promise<number> {
  const { write } = deps;
  const refusal = wrong(options, deps);
  if (refusal !== null) {
    write(`${refusal}\n`);
    return badUsage;
  }
  const most = options.maxCount === undefined ? Infinity : Number(options.maxCount);
  const say = (text: string): void => (options.verbose === true ? write(text) : undefined);
  let [processed, healed] = [0, 0];
  for await (const found of candidates(deps, options, say)) {
    if (processed === most) {
      write(`Max count reached. Processed ${processed} instances.\n`);
      return ended.moreToDo;
    }
    processed++;
    const outcome = await heal(deps, options, found, say);
    if (outcome === 'noNode') return ended.noNode;
    if (outcome === 'notWritten') return ended.notWritten;
    if (outcome === 'healed') healed++;
  }
  write(`Processed ${processed} instances.\n`);
  return healed > 0 ? ended.healed : ended.nothingToDo;
}

function wrong({ maxCount, instance, cell, force }: HealOptions, { stores }: ManageDeps): string | null {
  if (maxCount !== undefined && !/^[1-9]\d{0,8}$/.test(maxCount)) return 'Must supply a positive integer for --max-count.';
  if (instance !== undefined && cell !== undefined) return 'The --cell and --instance options are mutually exclusive.';
  if (force === true && instance === undefined) return 'The --instance flag is required when using --force flag.';
  if (cell !== undefined && !stores.cells().some(({ id }) => id === cell)) return `Cell with uuid ${cell} was not found.`;
  if (instance !== undefined && !isUuid(instance)) return `Unable to find instance ${instance}.`;
  return null;
}

/** Servers on hosts that nothing is done to, cell by cell. */
async function* candidates(
  { stores, write }: ManageDeps,
  { instance, cell }: HealOptions,
  say: (text: string) => void,
): AsyncGenerator<PlacedInstance> {
  if (instance !== undefined) {
    const found = await Promise.all(stores.cells().map(({ database }) => findPlacedInstance(database, instance)));
    const there = found.filter((one) => one !== null);
    if (there.length === 0) write(`Unable to find instance ${instance}.\n`);
    yield* there;
    return;
  }
  for (const one of stores.cells()) {
    if (one.id === stores.cell0.id || (cell !== undefined && one.id !== cell)) continue;
    write(`Looking for instances in cell: ${one.id}(${one.name})\n`);
    for (let last: string | null = null; ;) {
      const page = await placedInstances(one.database, last, pageSize);
      if (page.length === 0) break;
      say(`Found ${page.length} candidate instances.\n`);
      yield* page;
      last = page.at(-1)!.id;
    }
  }
}

async function heal(
  { stores, placement, session, amountsOf, write }: ManageDeps,
  { dryRun, force }: HealOptions,
  instance: PlacedInstance,
  say: (text: string) => void,
): Promise<Outcome> {
  const { id, host, node, taskState, projectId, userId } = instance;
  if (taskState !== null) {
    say(`Instance ${id} is undergoing a task state transition: ${taskState}\n`);
    return 'fine';
  }
  if (host === null || node === null) {
    say(`Instance ${id} is not on a host.\n`);
    return 'fine';
  }
  const held = await placement.allocations(session, id);
  const exists = Object.keys(held.allocations).length > 0;
  if (exists && force !== true && held.projectId === projectId && held.userId === userId) {
    say(`Instance ${id} already has allocations with matching consumer project/user.\n`);
    return 'fine';
  }
  const provider = await findNode(stores, { name: node });
  if (provider === null) {
    write(`Compute host ${host} could not be found.\n`);
    return 'noNode';
  }
  const spec = await requestSpecOf(stores, id);
  const amounts = amountsOf({
    flavor: instance.flavor,
    image: instance.image,
    isBootedFromVolume: spec?.isBootedFromVolume ?? instance.image === null,
  });
  const keeps = exists && force !== true;
  if (amounts === null && !keeps) {
    write(`Instance ${id} takes resources of several providers; which ones cannot be known any more.\n`);
    return 'notWritten';
  }
  const done = exists ? 'Successfully updated allocations for instance' : 'Successfully created allocations for instance';
  if (dryRun === true) {
    write(
      `[dry-run] ${exists ? 'Update' : 'Create'} allocations for instance ${id}: ${JSON.stringify(keeps ? held.allocations : { [provider.uuid]: { resources: amounts } })}\n`,
    );
    return 'wouldHeal';
  }
  const wanted: NewAllocations = {
    allocations: keeps ? held.allocations : { [provider.uuid]: { resources: amounts ?? {} } },
    projectId,
    userId,
    consumerGeneration: held.consumerGeneration,
    consumerType: 'INSTANCE',
  };
  try {
    await placement.putAllocations(session, id, wanted);
  } catch (error) {
    if (!isKind(error, 'conflict', 'invalid', 'notFound')) throw error;
    write(`Failed to ${exists ? 'update' : 'create'} allocations for instance ${id}: ${messageOf(error)}\n`);
    return 'notWritten';
  }
  write(`${done} ${id}.\n`);
  return 'healed';
}

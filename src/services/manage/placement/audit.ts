import { isKind, messageOf } from '../../../lib/errors.ts';
import { isUuid } from '../../../lib/ids.ts';
import { consumersThatAre } from '../../../store/consumers.ts';
import { badUsage, type ManageDeps } from '../manage-deps.ts';

export interface AuditOptions {
  readonly verbose?: true;
  readonly delete?: true;
  readonly resourceProvider?: string;
}

/** Exit codes, as `nova-manage placement audit` has them. */
const ended = { none: 0, failed: 1, found: 3, deleted: 4 } as const;

/** Lists allocations of consumers that are neither servers nor moves under way, and gives them back where that is asked for. */
export async function auditAllocations(deps: ManageDeps, options: AuditOptions): Promise<number> {
  const { placement, session, stores, write } = deps;
  const only = options.resourceProvider;
  if (only !== undefined && !isUuid(only)) {
    write(`Resource provider with UUID ${only} does not exist.\n`);
    return badUsage;
  }
  const providers =
    only === undefined ? await placement.providers(session) : [await placement.provider(session, only)].filter((one) => one !== null);
  if (only !== undefined && providers.length === 0) {
    write(`Resource provider with UUID ${only} does not exist.\n`);
    return badUsage;
  }
  let [found, deleted] = [0, 0];
  for (const { uuid, name } of providers) {
    const held = await placement.providerAllocations(session, uuid).catch((error: unknown) => {
      if (isKind(error, 'notFound')) return {}; // it is gone since
      throw error;
    });
    const consumers = Object.keys(held);
    const known = await consumersThatAre(stores, consumers);
    for (const consumer of consumers.filter((id) => !known.has(id))) {
      found++;
      write(
        `Allocations were set against consumer UUID ${consumer} but no existing instances or active migrations are attached to this consumer.\n`,
      );
      if (options.delete !== true) {
        write(`Allocations for consumer UUID ${consumer} on Resource Provider ${uuid} can be deleted\n`);
        continue;
      }
      try {
        await giveBack(deps, consumer, uuid);
        deleted++;
        write(`Deleted allocations for consumer UUID ${consumer} on Resource Provider ${uuid}\n`);
      } catch (error) {
        write(`Not deleted allocations for consumer UUID ${consumer} on Resource Provider ${uuid}: ${messageOf(error)}\n`);
        return ended.failed;
      }
    }
    if (options.verbose === true) write(`Looked at ${consumers.length} consumers of resource provider ${uuid} (${name}).\n`);
  }
  write(`Processed ${found} allocation${found === 1 ? '' : 's'}.\n`);
  if (found === 0) return ended.none;
  return deleted === found ? ended.deleted : ended.found;
}

/** Takes what a consumer holds of one provider; what it holds elsewhere is judged there. Refused when it changes meanwhile. */
async function giveBack({ placement, session }: ManageDeps, consumer: string, provider: string): Promise<void> {
  const { allocations, projectId, userId, consumerGeneration, consumerType } = await placement.allocations(session, consumer);
  const { [provider]: gone, ...kept } = allocations;
  if (gone === undefined) return;
  await placement.putAllocations(session, consumer, {
    allocations: kept,
    projectId: projectId ?? '',
    userId: userId ?? '',
    consumerGeneration,
    consumerType: consumerType === null || consumerType === 'unknown' ? 'INSTANCE' : consumerType,
  });
}

import { conflict } from '../../../../lib/errors.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { instanceLocked, instanceNotFound, wrongState } from '../../../../domain/faults.ts';
import type { Instance, VmState } from '../../../../domain/instance.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { findInstance, type LocatedInstance } from '../../../../store/instances.ts';
import type { ApiDeps } from '../../deps.ts';

interface PathOfServer {
  readonly params: Readonly<Record<string, string>>;
  readonly ctx: RequestContext;
  readonly deps: ApiDeps;
}

/** The server a path names, as far as the caller may know of it: one of another project is not found. */
export const findServer = (path: PathOfServer): Promise<LocatedInstance> => find(path, false);

/** The same, also when it is deleted. */
export const findServerEvenDeleted = (path: PathOfServer): Promise<LocatedInstance> => find(path, true);

async function find({ params, ctx, deps }: PathOfServer, deleted: boolean): Promise<LocatedInstance> {
  const id = params['serverId'] ?? '';
  const uuid = normalizeUuid(id);
  const found = uuid === null ? null : await findInstance(deps.stores, uuid, { deleted });
  if (found === null || (found.instance.projectId !== ctx.caller.projectId && !ctx.caller.isAdmin)) throw instanceNotFound(id);
  return found;
}

/** Whose a server is, for the policy. */
export const ownerOf = ({ instance }: LocatedInstance) => ({ project_id: instance.projectId, user_id: instance.userId });

/** Refuses to touch a server that somebody has locked, except for administrators. */
export function refuseLocked(ctx: RequestContext, instance: Instance): void {
  if (instance.lockedBy !== null && !ctx.caller.isAdmin) throw instanceLocked(instance.id);
}

/** The host of a server; 409 for one that has none (yet). */
export function hostOf(instance: Instance): string {
  if (instance.host === null) throw conflict(`Instance ${instance.id} is not ready`);
  return instance.host;
}

/** Refuses what is for servers in one of these states only; `action` is how the refusal names it. */
export function refuseUnlessIn(states: readonly VmState[], action: string, instance: Instance): void {
  if (!states.includes(instance.vmState)) throw wrongState(action, instance.id, `while it is in vm_state ${instance.vmState}`);
}

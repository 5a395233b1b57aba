import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { conflict, invalid } from '../../lib/errors.ts';
import { isUuid, type IdSource } from '../../lib/ids.ts';
import { errnoOf } from './errno.ts';

/** Who a compute node is, for good: the uuid is also its resource provider's. */
export interface NodeIdentity {
  readonly uuid: string;
  /** `hypervisor_hostname`. */
  readonly name: string;
}

/**
 * The identity kept in the state directory: made at the first start, and never another one afterwards. A host that was renamed is refused,
 * because its guests and allocations would be lost under the new name.
 */
export function keptNodeIdentity(
  statePath: string,
  { host, name, ids }: { readonly host: string; readonly name: string; readonly ids: IdSource },
): NodeIdentity {
  const uuid = kept(join(statePath, 'compute_id'), () => ids.uuid());
  if (!isUuid(uuid)) throw invalid(`${join(statePath, 'compute_id')} does not hold one UUID and nothing else.`);
  const before = kept(join(statePath, 'compute_host'), () => host);
  if (before !== host) {
    throw conflict(
      `This compute host was called '${before}' and is called '${host}' now: [DEFAULT] host must never change. Set it back to '${before}'.`,
    );
  }
  return { uuid, name };
}

/** An identity made from the host's name: the same at every start without any file. */
export function namedNodeIdentity(cloudId: string, host: string): NodeIdentity {
  const hex = createHash('sha256').update(`${cloudId}\0${host}`).digest('hex');
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return {
    uuid: `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
    name: host,
  };
}

/** The text of a file without the line's end; written first where there is none. */
function kept(path: string, first: () => string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const text = first();
  writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o644, flush: true });
  renameSync(`${path}.new`, path);
  return text;
}

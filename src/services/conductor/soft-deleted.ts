import type { Instance } from '../../domain/instance.ts';

/** What a server that was deleted for a time keeps of it. */
export const softDeletedKeys = { at: 'soft_deleted_at', from: 'soft_deleted_from' } as const;

/** The system metadata of a server that is no longer deleted. */
export function withoutSoftDeleted(systemMetadata: Instance['systemMetadata']): Instance['systemMetadata'] {
  const keys = new Set<string>(Object.values(softDeletedKeys));
  return Object.fromEntries(Object.entries(systemMetadata).filter(([key]) => !keys.has(key)));
}

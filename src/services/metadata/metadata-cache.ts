import type { InstanceMetadata } from '../../domain/metadata/instance-metadata.ts';
import type { Clock } from '../../lib/clock.ts';

/** Keeps what was found of each guest for a while; guests that ask at once share one look-up. */
export interface MetadataCache {
  find(key: string, look: () => Promise<InstanceMetadata | null>): Promise<InstanceMetadata | null>;
  forget(key: string): void;
}

/** More guests than ask in one such while; beyond it the oldest are forgotten. */
const maxEntries = 10_000;

export function createMetadataCache(clock: Clock, seconds: number): MetadataCache {
  const entries = new Map<string, { readonly until: number; readonly found: Promise<InstanceMetadata | null> }>();
  return {
    find(key, look) {
      const known = entries.get(key);
      if (known !== undefined && known.until > clock.now()) return known.found;
      const found = look();
      if (seconds === 0) return found;
      entries.delete(key); // so that it stands last, as the youngest
      const entry = { until: clock.now() + seconds * 1000, found };
      entries.set(key, entry);
      // what is not there may be there at the next asking, and a failure is nothing to keep
      const drop = (): void => void (entries.get(key) === entry && entries.delete(key));
      found.then((metadata) => (metadata === null ? drop() : undefined), drop);
      const [oldest] = entries.keys();
      if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
      return found;
    },
    forget: (key) => void entries.delete(key),
  };
}

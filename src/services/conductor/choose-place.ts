import type { Instance, InstanceFlavor } from '../../domain/instance.ts';
import type { Destination } from '../../domain/request-spec.ts';
import { isKind, KilonovaError, messageOf } from '../../lib/errors.ts';
import { requestSpecOf } from '../../store/mappings.ts';
import type { ConductorDeps } from './deps.ts';

/** How a place for an instance that moves is looked for. */
export interface PlaceWish {
  readonly instance: Instance;
  readonly cellId: string;
  /** Set for another flavor than it has. */
  readonly flavor?: InstanceFlavor;
  readonly ignoreHosts: readonly string[];
  /** A host that filters must accept. */
  readonly requestedHost: string | null;
  /** A host that filters are not asked about. */
  readonly forceHost?: string | null;
  /** Whether the guest of the source can come to that host; throws `unsupported` or `unavailable` when another is to be tried. */
  readonly admit?: (host: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Claims a place for an instance that moves, in place of what it has claimed before. */
export async function choosePlace(deps: ConductorDeps, wish: PlaceWish): Promise<Destination> {
  const { instance, cellId, requestedHost, forceHost = null, signal } = wish;
  const spec = await requestSpecOf(deps.stores, instance.id);
  if (spec === null) throw new KilonovaError('internal', 'The request of this instance is not recorded.');
  const ignoreHosts = [...wish.ignoreHosts];
  const refusals: string[] = [];
  /** A host did not answer: when nothing else is found it is asked again later, for after a restart hosts come back one after the other. */
  let away = false;
  for (let attempt = 1; ; attempt++) {
    const selection = await deps.scheduler.selectDestinations(
      {
        spec: {
          ...spec,
          flavor: wish.flavor ?? instance.flavor,
          forceHost,
          forceNode: null,
          requestedHost,
          requestedNode: null,
          ignoreHosts,
        },
        instanceIds: [instance.id],
      },
      { signal, timeoutMs: 60_000 },
    );
    if (!selection.found)
      throw new KilonovaError(away ? 'unavailable' : 'internal', [selection.message, ...refusals].join(' '), { code: 'NoValidHost' });
    const { chosen } = selection.destinations[0]!;
    try {
      if (chosen.cellId !== cellId) throw new KilonovaError('unsupported', `${chosen.host} is in another cell.`);
      await wish.admit?.(chosen.host);
      return chosen;
    } catch (error) {
      const another = isKind(error, 'unsupported', 'unavailable') && requestedHost === null && forceHost === null;
      if (signal.aborted || !another || attempt >= deps.settings.scheduler.max_attempts) throw error;
      deps.log.warn({ err: error, instanceId: instance.id, host: chosen.host }, 'a host cannot take a guest');
      away ||= isKind(error, 'unavailable');
      ignoreHosts.push(chosen.host);
      refusals.push(`${chosen.host}: ${messageOf(error)}`);
    }
  }
}

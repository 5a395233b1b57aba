import type { RequestSpec } from '../../domain/request-spec.ts';
import type { ComputeNode } from '../../store/services.ts';
import type { HostView } from './host-view.ts';

/** Where a request insists on going. */
export interface Target {
  /** The one node it can be, whose tree placement is asked for. */
  readonly inTree: string | null;
  readonly isManyNodes: boolean;
  /** Filters are not asked. */
  readonly isForced: boolean;
  readonly includes: (node: Pick<ComputeNode, 'host' | 'name'>) => boolean;
}

/** What a request says of its host and node; a text when there is no such place. */
export function targetOf(spec: RequestSpec, view: HostView): Target | string {
  const host = spec.forceHost ?? spec.requestedHost;
  const node = spec.forceNode ?? spec.requestedNode;
  const isForced = spec.forceHost !== null || spec.forceNode !== null;
  if (host === null && node === null) return { inTree: null, isManyNodes: false, isForced, includes: () => true };
  const includes: Target['includes'] = (candidate) =>
    (host === null || candidate.host === host) && (node === null || candidate.name === node);
  const matching = [...view.nodesByUuid.values()].filter(includes);
  if (matching.length === 0) return `No such host - host: ${host ?? '-'} node: ${node ?? '-'}`;
  return { inTree: matching.length === 1 ? matching[0]!.uuid : null, isManyNodes: matching.length > 1, isForced, includes };
}

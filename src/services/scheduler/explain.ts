import type { PlacementRefusal } from '../../domain/request-spec.ts';
import type { PlacementClient } from '../../clients/placement.ts';
import type { Session } from '../../clients/session.ts';
import { candidatesQuery, type CandidatesRequest } from './candidates-query.ts';
import type { HostView } from './host-view.ts';

/** A refusal in the words of a person: which resource, how much. */
const units: Readonly<Record<string, (amount: number) => string>> = {
  VCPU: (amount) => `${amount} free VCPU${amount === 1 ? '' : 's'}`,
  MEMORY_MB: (amount) => `${amount} MB of free memory`,
  DISK_GB: (amount) => `${amount} GB of free disk`,
};
const amountOf = (resource: string, amount: number): string => units[resource]?.(amount) ?? `${amount} free ${resource}`;

/**
 * Why placement offers no host: each part of the request is asked for alone, so that for each the hosts without it can be counted.
 * A few requests, whatever the number of hosts, and only when a request has failed.
 */
export async function explainNoCandidates(
  placement: PlacementClient,
  session: Session,
  request: CandidatesRequest,
  view: HostView,
): Promise<PlacementRefusal> {
  const considered = view.nodesByUuid.size;
  const offering = async (part: Partial<CandidatesRequest>): Promise<number> => {
    const alone: CandidatesRequest = {
      resources: request.resources,
      required: [],
      rootRequired: [],
      memberOf: [],
      inTree: request.inTree,
      limit: null,
      ...part,
    };
    const { summaries } = await placement.allocationCandidates(session, candidatesQuery(alone));
    return Object.keys(summaries).filter((uuid) => view.nodesByUuid.has(uuid)).length;
  };
  const probes = [
    ...Object.entries(request.resources).map(async ([resource, amount]) => ({
      constraint: `without ${amountOf(resource, amount)}`,
      count: considered - (await offering({ resources: { [resource]: amount } })),
    })),
    ...(request.required.length === 0
      ? []
      : [
          offering({ resources: { VCPU: 1 }, required: request.required }).then((left) => ({
            constraint: `without the required traits (${request.required.join(', ')})`,
            count: considered - left,
          })),
        ]),
    ...(request.memberOf.length === 0
      ? []
      : [
          offering({ resources: { VCPU: 1 }, memberOf: request.memberOf }).then((left) => ({
            constraint: 'in another zone',
            count: considered - left,
          })),
        ]),
    offering({ resources: { VCPU: 1 }, rootRequired: request.rootRequired }).then((left) => ({
      constraint: 'disabled',
      count: considered - left,
    })),
  ];
  const reasons = (await Promise.all(probes.map((probe) => probe.catch(() => null)))).filter(
    (reason) => reason !== null && reason.count > 0,
  ) as { constraint: string; count: number }[];
  return { considered, reasons: reasons.toSorted((a, b) => b.count - a.count).map((reason) => ({ ...reason, example: '' })) };
}

/** The refusal as users read it, without names of hosts. Begins as Nova's message does, which clients look for. */
export function refusalMessage({ considered, reasons }: PlacementRefusal): string {
  const hosts = `${considered} host${considered === 1 ? '' : 's'}`;
  if (considered === 0) return 'No valid host was found. There are no compute hosts.';
  if (reasons.length === 0) return 'No valid host was found. There are not enough hosts available.';
  return `No valid host was found. ${hosts}: ${reasons.map(({ constraint, count }) => `${count} ${constraint}`).join(', ')}.`;
}

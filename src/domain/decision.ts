/** What was found out about one host: it does, or why it does not. */
export interface HostVerdict {
  readonly host: string;
  readonly node: string;
  readonly zone: string;
  /** Place in the order of preference, from 1; null where it does not do. */
  readonly rank: number | null;
  /** The same for all hosts refused for one reason; reads after "hosts that are". Begins with `without` where the host lacks something. */
  readonly constraint: string | null;
  /** About this host. */
  readonly because: string | null;
  /** How far it is from doing, where resources are all it lacks: the sum of what is missing, each as a part of what is asked for. */
  readonly shortfall: number | null;
}

/** Why a request is placed where it is, or nowhere. */
export interface Explanation {
  /** Hosts there are. */
  readonly considered: number;
  readonly fitting: number;
  /** For the user: names no host. */
  readonly message: string;
  /** For the operator: names the nearest. */
  readonly detail: string;
  readonly reasons: readonly {
    readonly constraint: string;
    readonly count: number;
    readonly nearest: { readonly host: string; readonly because: string };
  }[];
  /** Those that fit by preference, then the others, nearest first. */
  readonly hosts: readonly HostVerdict[];
  /** Hosts left out above, for there are too many. */
  readonly omitted: number;
  /** What placement was asked. */
  readonly query: string;
}

/** What the scheduler decided for one request; kept for operators. */
export interface Decision {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly ms: number;
  /** The user's request; null where it is not known. */
  readonly requestId: string | null;
  readonly instanceIds: readonly string[];
  readonly projectId: string;
  readonly flavor: string;
  readonly found: boolean;
  readonly destinations: readonly {
    readonly instanceId: string;
    readonly host: string;
    readonly node: string;
    readonly alternates: readonly string[];
  }[];
  /** Hosts that came into question. */
  readonly candidates: number;
  /** Null for a request that was placed. */
  readonly explanation: Explanation | null;
}

/** Hosts whose verdicts are kept with a decision. */
const mostHosts = 1000;

const units: Readonly<Record<string, (amount: number) => string>> = {
  VCPU: (amount) => `${amount} VCPU${amount === 1 ? '' : 's'}`,
  PCPU: (amount) => `${amount} dedicated CPU${amount === 1 ? '' : 's'}`,
  MEMORY_MB: (amount) => `${amount} MB of memory`,
  DISK_GB: (amount) => `${amount} GB of disk`,
};

/** An amount of a resource as a person says it. */
export const amountInWords = (resource: string, amount: number): string => units[resource]?.(amount) ?? `${amount} ${resource}`;

/** `7 lack 4096 MB of memory`, `1 is disabled`. */
function inWords(constraint: string, count: number): string {
  const lacking = /^without (.*)$/s.exec(constraint)?.[1];
  if (lacking !== undefined) return `${count} ${count === 1 ? 'lacks' : 'lack'} ${lacking}`;
  return `${count} ${count === 1 ? 'is' : 'are'} ${constraint}`;
}

/** Puts verdicts on all hosts in order and in words. The message begins as Nova's does, which clients look for. */
export function explanationOf(verdicts: readonly HostVerdict[], query: string): Explanation {
  const fitting = verdicts.filter(({ rank }) => rank !== null).toSorted((a, b) => a.rank! - b.rank!);
  const nearness = ({ shortfall }: HostVerdict): number => shortfall ?? Infinity;
  const refused = verdicts
    .filter(({ rank }) => rank === null)
    .toSorted((a, b) => (nearness(a) === nearness(b) ? 0 : nearness(a) - nearness(b)) || a.host.localeCompare(b.host));
  const reasons = [...Map.groupBy(refused, ({ constraint }) => constraint ?? '')]
    .map(([constraint, hosts]) => ({
      constraint,
      count: hosts.length,
      nearest: { host: hosts[0]!.host, because: hosts[0]!.because ?? '' },
    }))
    .toSorted((a, b) => b.count - a.count || (a.constraint < b.constraint ? -1 : 1));
  const nearest = refused[0] !== undefined && refused[0].shortfall !== null ? refused[0] : null;
  const hosts = [...fitting, ...refused];
  const words = (names: boolean): string => {
    const considered = `${hosts.length} host${hosts.length === 1 ? '' : 's'}`;
    if (hosts.length === 0) return 'No valid host was found. There are no compute hosts.';
    const parts = [
      ...reasons.map(({ constraint, count }) => inWords(constraint, count)),
      ...(fitting.length === 0 ? [] : [`${fitting.length} would do, but not for everything that is asked for`]),
    ];
    const near = nearest === null ? '' : `; the nearest${names ? `, ${nearest.host},` : ''} ${nearest.because ?? ''}`;
    return `No valid host was found. ${fitting.length === 0 ? '' : 'There are not enough hosts available. '}${considered}: ${parts.join(', ')}${near}.`;
  };
  return {
    considered: hosts.length,
    fitting: fitting.length,
    message: words(false),
    detail: words(true),
    reasons,
    hosts: hosts.slice(0, mostHosts),
    omitted: Math.max(0, hosts.length - mostHosts),
    query,
  };
}

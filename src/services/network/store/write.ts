import { isDuplicate, sqlState } from '../../../lib/sql/database.ts';
import { retry } from '../../../lib/retry.ts';
import type { NetworkDeps } from '../deps.ts';
import type { Tx } from './tables.ts';

/** What a transaction changed, so that the hosts concerned are told once it is committed. */
export interface Touched {
  /** Every host with a port of these networks. */
  readonly networks: Set<string>;
  /** The hosts that serve these networks' DHCP. */
  readonly leases: Set<string>;
  /** Hosts with ports that these security groups guard or let in. */
  readonly groups: Set<string>;
  readonly routers: Set<string>;
  readonly hosts: Set<string>;
  /** Whether there is something to tell compute. */
  events: boolean;
}

const untouched = (): Touched => ({
  networks: new Set(),
  leases: new Set(),
  groups: new Set(),
  routers: new Set(),
  hosts: new Set(),
  events: false,
});

/** Rows that two transactions may both have chosen as free: choosing again helps. */
const chosenConstraints = new Set(['ip_allocations_once', 'ports_mac', 'networks_segment']);

/** A choice that another transaction made first: worth the same transaction once more. */
export class Taken extends Error {}

const isWorthAnotherTry = (error: unknown): boolean => error instanceof Taken || ['40001', '40P01'].includes(sqlState(error) ?? '');

/** The constraint a duplicate broke, or null. */
export const brokenConstraint = (error: unknown): string | null =>
  error instanceof Error && 'constraint' in error && typeof error.constraint === 'string' ? error.constraint : null;

/** Turns the loss of a race for something chosen by us into another try. */
export function againIfTaken(error: unknown): never {
  if (isDuplicate(error) && chosenConstraints.has(brokenConstraint(error) ?? ''))
    throw new Taken('taken by another request', { cause: error });
  throw error;
}

/** Runs `work` in a transaction, again where it lost a race; tells hosts and compute after the commit, without keeping the caller waiting. */
export async function write<T>(
  deps: Pick<NetworkDeps, 'db' | 'clock' | 'wishes' | 'events' | 'placing'>,
  work: (tx: Tx, touched: Touched) => Promise<T>,
): Promise<T> {
  const { result, touched } = await retry(
    async () => {
      const touched = untouched();
      const result = await deps.db.transaction().execute((tx) => work(tx, touched));
      return { result, touched };
    },
    { clock: deps.clock, attempts: 12, delayMs: 5, maxDelayMs: 100, when: isWorthAnotherTry },
  );
  deps.wishes.changed(touched);
  if (touched.networks.size > 0 || touched.routers.size > 0) deps.placing.nudge();
  if (touched.events) deps.events.nudge();
  return result;
}

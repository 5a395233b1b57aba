import { neverLaunched } from './instance-actions.ts';
import { conflict, notFound, overQuota, type KilonovaError } from '../lib/errors.ts';

/** Refusals that more than one place words. Messages are Nova's, which clients and Tempest read. */
export const instanceNotFound = (id: string): KilonovaError => notFound(`Instance ${id} could not be found.`);
export const flavorNotFound = (id: string): KilonovaError => notFound(`Flavor ${id} could not be found.`);
export const imageNotFound = (id: string): KilonovaError => notFound(`Image ${id} could not be found.`);
export const keypairNotFound = (name: string, userId: string): KilonovaError => notFound(`Keypair ${name} not found for user ${userId}`);
export const hostNotFound = (host: string): KilonovaError => notFound(`Compute host ${host} could not be found.`);
export const instanceLocked = (id: string): KilonovaError => conflict(`Instance ${id} is locked`);
export const wrongState = (action: string, id: string, reason: string): KilonovaError =>
  conflict(
    reason === neverLaunched ? `Instance ${id} is in an invalid state for '${action}'` : `Cannot '${action}' instance ${id} ${reason}`,
  );

/** The sentence of a quota that would be exceeded; slots hold only the resources that are over. */
export function quotaExceeded(
  over: readonly { readonly resource: string; readonly requested: string; readonly used: number; readonly limit: number }[],
): KilonovaError {
  const of = (pick: (entry: (typeof over)[number]) => unknown): string => over.map((entry) => String(pick(entry))).join(', ');
  const names = of((entry) => entry.resource);
  return overQuota(
    `Quota exceeded for ${names}: Requested ${of((e) => e.requested)}, but already used ${of((e) => e.used)} of ${of((e) => e.limit)} ${names}`,
  );
}

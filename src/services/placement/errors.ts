import { conflict, invalid, notFound, type KilonovaError } from '../../lib/errors.ts';

/** Somebody else changed it first: read again, then try again. */
export const changedMeanwhile = (message: string, cause?: unknown): KilonovaError =>
  conflict(message, { code: 'placement.concurrent_update', ...(cause === undefined ? {} : { cause }) });

export const providerGenerationConflict = (): KilonovaError => changedMeanwhile('resource provider generation conflict');

export const providerNotFound = (uuid: string): KilonovaError => notFound(`No resource provider with uuid ${uuid} found`);

export const noSuchClass = (name: string): KilonovaError => notFound(`No such resource class ${name}.`);

export const noSuchTraits = (names: readonly string[]): KilonovaError => invalid(`No such trait(s): ${names.join(', ')}.`);

export const inventoryInUse = (classes: readonly string[], provider: string): KilonovaError =>
  conflict(`Inventory for '${classes.join(', ')}' on resource provider '${provider}' in use.`, { code: 'placement.inventory.inuse' });

export { badQuery } from '../../domain/placement/bad-query.ts';

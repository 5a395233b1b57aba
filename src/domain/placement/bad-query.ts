import { invalid, type KilonovaError } from '../../lib/errors.ts';

export const badQuery = (
  message: string,
  code?: 'placement.query.bad_value' | 'placement.query.missing_value' | 'placement.query.duplicate_key',
): KilonovaError => invalid(message, code === undefined ? {} : { code });

import { version } from '../../lib/http/microversion.ts';
import { versionedQuery } from '../../lib/http/query.ts';

/** The query of a route that takes none: what is sent all the same is dropped until 2.101 and refused since. */
export const noQuery = versionedQuery({}, { refusesUnknownSince: version('2.102') });

import { version } from '../../../../lib/http/microversion.ts';
import { anyText, booleanText, digits, versionedQuery } from '../../../../lib/http/query.ts';

const strict = { refusesUnknownSince: version('2.53') };
const with_servers = { since: '2.53', type: booleanText } as const;

export const ListHypervisors = versionedQuery(
  {
    limit: { since: '2.33', type: digits },
    marker: { since: '2.33', type: anyText },
    hypervisor_hostname_pattern: { since: '2.53', type: anyText },
    with_servers,
  },
  strict,
);
export const ShowHypervisor = versionedQuery({ with_servers }, strict);

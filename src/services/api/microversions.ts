import type { RequestContext } from '../../lib/http/route.ts';
import { version, type MicroversionScheme, type VersionText } from '../../lib/http/microversion.ts';

export const computeMicroversions: MicroversionScheme = {
  serviceType: 'compute',
  min: '2.1',
  max: '2.104',
  legacyHeader: 'x-openstack-nova-api-version',
};

/** Behaviour (not fields) that came with a microversion: handlers ask for it by name and never compare numbers. */
const since = {
  addressSixForAll: '2.5', // the filter ip6 of server lists
  publicFlavorsNotGiven: '2.7',
  servicesForcedDown: '2.11',
  descriptionIsOwn: '2.19', // before, the description of a new server is its name
  actionsOfDeleted: '2.21',
  tokensOfAllConsoles: '2.31', // console tokens are shown
  hypervisorsPaged: '2.33',
  networksRequired: '2.37',
  unknownStatusRefused: '2.38',
  usagePaged: '2.40',
  hostsHaveUuids: '2.53', // services and hypervisors, in paths and answers
  actionsPaged: '2.58',
  lockedWithReason: '2.73', // servers can be sorted by it, too
  unknownSortKeysRefused: '2.75',
  allServerFilters: '2.83',
  extraSpecsJudged: '2.86',
  uptimeAmongHypervisors: '2.88',
  attachmentsOnly: '2.89', // volumes whose attachment the volume service does not know are left out
  hostnameForAll: '2.90',
} as const satisfies Readonly<Record<string, VersionText>>;

/** Whether the request is served at a microversion that behaves so. */
export const does = (ctx: Pick<RequestContext, 'version'>, behaviour: keyof typeof since): boolean =>
  ctx.version >= version(since[behaviour]);

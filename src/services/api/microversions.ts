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
  imageMetadataUnlimited: '2.39', // before, the limit of the metadata of servers held for images
  imageIdAnswered: '2.45', // before, an image of a server was told by a Location
  unshelvedToZone: '2.77',
  volumeBackedRescue: '2.87',
  unshelvedToHost: '2.91',
  volumesReimaged: '2.93',
  servicesForcedDown: '2.11',
  evacuatedWithoutPassword: '2.14', // none is answered, and nothing is asked about storage
  evacuationHostJudged: '2.29', // a host that is named must be accepted by filters, unless forced
  liveMigrationHostJudged: '2.30',
  liveMigrationJudgedLater: '2.34', // what speaks against it is no longer answered
  migratedToHost: '2.56',
  migrationsPaged: '2.59', // and shown the newest first
  queuedMigrationsAborted: '2.65',
  evacuatedOff: '2.95', // servers are off afterwards
  descriptionIsOwn: '2.19', // before, the description of a new server is its name
  actionsOfDeleted: '2.21',
  tokensOfAllConsoles: '2.31', // console tokens are shown
  shelvedKeepVolumes: '2.20', // volumes of shelved servers come and go
  multiattach: '2.60',
  attachmentsEdited: '2.85', // before, a change was always a swap
  attachedLater: '2.101', // an attach answers before anything is done
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
  groupsShown: '2.71', // the group of a server
  hostnameForAll: '2.90',
  pinnedZonesShown: '2.96',
} as const satisfies Readonly<Record<string, VersionText>>;

/** Whether the request is served at a microversion that behaves so. */
export const does = (ctx: Pick<RequestContext, 'version'>, behaviour: keyof typeof since): boolean =>
  ctx.version >= version(since[behaviour]);

import type { CreateServer } from './bodies.ts';
import type { InstanceFlavor } from '../../../../domain/instance.ts';
import type { RequestSpec } from '../../../../domain/request-spec.ts';
import { hostNotFound } from '../../../../domain/faults.ts';
import { conflict, invalid, overQuota } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { isZone } from '../../../../store/aggregates.ts';
import { findFlavor } from '../../../../store/flavors.ts';
import { findKeyPair } from '../../../../store/key-pairs.ts';
import { findServerGroup } from '../../../../store/server-groups.ts';
import { findNode, nodesOfHost } from '../../../../store/services.ts';
import type { ApiDeps } from '../../deps.ts';
import { limitsOf } from '../../limits.ts';
import { injectedFiles } from './injected-files.ts';
import { requestedDisks } from './requested-disks.ts';
import { needsOfPorts, refuseLayout } from './refuse-layout.ts';
import { resolveNetworks } from './requested-networks.ts';
import { refuseMisfit } from './refuse-misfit.ts';

export type NewServer = NonNullable<(typeof CreateServer)['value']>;
export type Hints = Readonly<Record<string, unknown>>;

/** What a request for servers comes to, with nothing made yet: everything that can be refused at once is. */
export async function readRequest(deps: ApiDeps, ctx: RequestContext, body: NewServer, hints: Hints) {
  const { caller } = ctx;
  const projectId = caller.projectId ?? '';
  const min = Number(body.min_count ?? 1);
  const max = Number(body.max_count ?? min);
  if (min > max) throw invalid('min_count must be <= max_count');
  if ((body.trusted_image_certificates ?? []).length > 0) ctx.authorize('os_compute_api:servers:create:trusted_certs');
  const limits = await limitsOf(deps, projectId);
  const metadata = body.metadata ?? {};
  if (limits['metadata_items']! >= 0 && Object.keys(metadata).length > limits['metadata_items']!)
    throw overQuota(`Maximum number of metadata items exceeds ${limits['metadata_items']}`);
  const files = injectedFiles(body.personality, limits);

  const flavor = await flavorOf(deps, ctx, body.flavorRef);
  const { devices, image, facts } = await requestedDisks(deps, ctx, body, { flavor, servers: max });
  if (image !== null) refuseMisfit(ctx, flavor, image);
  else if (facts !== null && flavor.memoryMb < facts.minRam) throw invalid("Flavor's memory is too small for requested image.");
  if (image === null && (body.trusted_image_certificates ?? []).length > 0)
    throw invalid('Image certificate validation is not supported when booting from volume');
  refuseLayout(deps, flavor, facts);
  const publicKey = await keyOf(deps, ctx, body.key_name);
  const { zone, forceHost, forceNode } = await zoneOf(deps, ctx, body.availability_zone);
  if ((body.host ?? body.hypervisor_hostname) !== undefined) {
    ctx.authorize('compute:servers:create:requested_destination');
    if (forceHost !== null) throw invalid('Destination host and availability zone with a host exclude each other.');
  }
  await refuseUnknownPlace(deps, forceHost ?? body.host ?? null, forceNode ?? body.hypervisor_hostname ?? null);
  if (body.hostname !== undefined && max > 1) throw invalid('Unable to allocate hostname to more than one server.');
  const groupId = await groupOf(deps, ctx, hints['group'], min);
  const groups = (body.security_groups ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]));
  const resolvingGroups = body.networks === 'none' ? Promise.resolve([]) : resolveSecurityGroups(deps, ctx, groups);
  resolvingGroups.catch(() => undefined); // what is wrong with networks is told first
  const networks = await resolveNetworks(deps, ctx, body.networks, max);
  const securityGroups = networks === 'none' ? [] : await resolvingGroups;

  const schedulerHints = Object.fromEntries(
    Object.entries(hints)
      .filter(([key]) => !key.startsWith('_nova'))
      .map(([key, value]) => [key, [value].flat().map(String)]),
  );
  const spec: RequestSpec = {
    projectId,
    userId: caller.userId,
    flavor,
    image: facts,
    isBootedFromVolume: image === null,
    availabilityZone: zone ?? deps.settings.DEFAULT.default_schedule_zone,
    forceHost,
    forceNode,
    requestedHost: body.host ?? null,
    requestedNode: body.hypervisor_hostname ?? null,
    ignoreHosts: [],
    schedulerHints,
    groupId,
    requestedNetworks: networks,
    securityGroups: securityGroups.map(({ id }) => id),
    ...(await needsOfPorts(deps, networks)),
  };
  return {
    projectId,
    min,
    max,
    metadata,
    files,
    flavor,
    image,
    devices,
    facts,
    publicKey,
    groupId,
    groups,
    networks,
    securityGroups,
    spec,
  };
}

const instanceFlavor = ({
  flavorId,
  name,
  vcpus,
  memoryMb,
  rootGb,
  ephemeralGb,
  swapMb,
  rxtxFactor,
  disabled,
  isPublic,
  extraSpecs,
}: InstanceFlavor): InstanceFlavor => ({
  flavorId,
  name,
  vcpus,
  memoryMb,
  rootGb,
  ephemeralGb,
  swapMb,
  rxtxFactor,
  disabled,
  isPublic,
  extraSpecs,
});

async function flavorOf(deps: ApiDeps, ctx: RequestContext, ref: string | number): Promise<InstanceFlavor> {
  const flavorId = String(ref).split('/').at(-1) ?? '';
  const flavor = await findFlavor(deps.stores.api, flavorId, ctx.caller);
  if (flavor === null || flavor.disabled) throw invalid(`Flavor ${flavorId} could not be found.`);
  return instanceFlavor(flavor);
}

async function keyOf(deps: ApiDeps, ctx: RequestContext, name: string | undefined) {
  if (name === undefined) return null;
  const key = await findKeyPair(deps.stores.api, ctx.caller.userId, name);
  if (key === null) throw invalid('Invalid key_name provided.');
  return { name: key.name, type: key.type, data: key.publicKey };
}

/** `zone`, `zone:host`, `zone:host:node`, `zone::node`: naming a host is for administrators. */
async function zoneOf(deps: ApiDeps, ctx: RequestContext, text: string | undefined) {
  if (text === undefined) return { zone: null, forceHost: null, forceNode: null };
  const [zone = '', host = '', node = '', ...more] = text.split(':');
  if (more.length > 0) throw invalid('Unable to parse availability_zone');
  if (host !== '' || node !== '') ctx.authorize('os_compute_api:servers:create:forced_host');
  const isKnown = zone === '' || zone === deps.settings.DEFAULT.default_availability_zone || (await isZone(deps.stores.api, zone));
  if (!isKnown) throw invalid('The requested availability zone is not available');
  return { zone: zone === '' ? null : zone, forceHost: host === '' ? null : host, forceNode: node === '' ? null : node };
}

/** A host or a node that is asked for by name must be known. */
async function refuseUnknownPlace({ stores }: ApiDeps, host: string | null, node: string | null): Promise<void> {
  const found = node === null ? null : await findNode(stores, { name: node });
  const unknown =
    node !== null && (found === null || (host !== null && found.host !== host))
      ? node
      : host !== null && node === null && (await nodesOfHost(stores, host)).length === 0
        ? host
        : null;
  if (unknown !== null) throw invalid(hostNotFound(unknown).message);
}

async function groupOf(deps: ApiDeps, ctx: RequestContext, hint: unknown, servers: number): Promise<string | null> {
  const id = Array.isArray(hint) ? (hint as unknown[])[0] : hint;
  if (typeof id !== 'string') return null;
  const uuid = normalizeUuid(id);
  const group = uuid === null ? null : await findServerGroup(deps.stores.api, uuid);
  if (group === null || (group.projectId !== ctx.caller.projectId && !ctx.caller.isAdmin))
    throw invalid(`Instance group ${id} could not be found.`);
  const most = (await limitsOf(deps, group.projectId))['server_group_members']!;
  if (most >= 0 && group.memberIds.length + servers > most) throw overQuota('Quota exceeded, too many servers in group');
  return group.id;
}

/** Ids of security groups named by name or id; `default` is what the network service gives anyway. */
async function resolveSecurityGroups(
  deps: ApiDeps,
  ctx: RequestContext,
  names: readonly string[],
): Promise<{ readonly id: string; readonly name: string }[]> {
  if (names.length === 0)
    return (
      await deps.network.securityGroups(deps.identity.sessionOf(ctx.caller), { name: 'default', tenant_id: ctx.caller.projectId ?? '' })
    )
      .slice(0, 1)
      .map(({ id, name }) => ({ id, name }));
  const known = await deps.network.securityGroups(deps.identity.sessionOf(ctx.caller), { tenant_id: ctx.caller.projectId ?? '' });
  return [...new Set(names)].map((wanted) => {
    const matching = known.filter((group) => group.id === wanted || group.name === wanted);
    if (matching.length === 0) throw invalid(`Security group ${wanted} not found for project ${ctx.caller.projectId ?? ''}.`);
    const exact = matching.find((group) => group.id === wanted) ?? matching[0]!;
    if (matching.length > 1 && exact.id !== wanted)
      throw conflict(`Multiple security groups found matching '${wanted}'. Use an ID to be more specific.`);
    return { id: exact.id, name: exact.name };
  });
}

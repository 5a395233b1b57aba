import type { InstanceId, InstanceImage } from '../../../../domain/instance.ts';
import { invalid } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { recordAction } from '../../../../store/actions.ts';
import { insertInstances, type NewInstance } from '../../../../store/instances.ts';
import { mapInstances } from '../../../../store/mappings.ts';
import { insertSagas } from '../../../../store/sagas.ts';
import { findServerGroup } from '../../../../store/server-groups.ts';
import { canonicalAddress } from '../../canonical-address.ts';
import type { ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { generatePassword } from '../../passwords.ts';
import { admitServers } from '../../quota.ts';
import { toBoolean } from '../../schemas.ts';
import { hostnameFrom } from './hostname.ts';
import { readRequest, type Hints, type NewServer } from './read-request.ts';

export interface CreatedServers {
  readonly first: InstanceId;
  readonly reservationId: string;
  readonly adminPass: string;
  readonly diskConfig: 'AUTO' | 'MANUAL';
  readonly securityGroups: readonly { readonly name: string }[];
}

/** A server without an image keeps what its root volume says of the one it was made from, under names of its own. */
export const keptOf = (properties: InstanceImage['properties']): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(properties).map(([name, value]) => [`image_${name}`, value]));

/** Accepts a request for one or more servers; from then on it is carried through or ends in ERROR with the reason. `willAnswer` is told of it right before. */
export async function createServer(
  deps: ApiDeps,
  ctx: RequestContext,
  body: NewServer,
  hints: Hints,
  willAnswer?: (created: CreatedServers) => Promise<void>,
): Promise<CreatedServers> {
  const { caller } = ctx;
  const { projectId, flavor, image, facts, spec, groupId, networks, securityGroups, ...asked } = await readRequest(deps, ctx, body, hints);
  const adminPass = body.adminPass ?? generatePassword(deps.settings.DEFAULT.password_length);
  const reservationId = `r-${deps.ids.uuid().replaceAll('-', '').slice(0, 8)}`;
  const diskConfig = body['OS-DCF:diskConfig'] ?? (image?.properties['auto_disk_config'] === 'True' ? 'AUTO' : 'MANUAL');
  const template = (index: number, count: number): NewInstance => {
    const id = deps.ids.uuid() as InstanceId;
    const suffix = count > 1 ? `-${index + 1}` : '';
    const name = `${body.name}${suffix}`;
    return {
      id,
      projectId,
      userId: caller.userId,
      name,
      description: does(ctx, 'descriptionIsOwn') ? (body.description ?? null) : name,
      hostname: body.hostname ?? `${hostnameFrom(body.name, `Server-${id}`)}${suffix}`,
      vmState: 'building',
      taskState: 'scheduling',
      powerState: 0,
      host: null,
      node: null,
      availabilityZone: spec.availabilityZone,
      launchedOn: null,
      flavor,
      oldFlavor: null,
      newFlavor: null,
      image,
      metadata: asked.metadata,
      systemMetadata: image === null && facts !== null ? keptOf(facts.properties) : {},
      tags: [...new Set(body.tags ?? [])],
      keyName: asked.publicKey?.name ?? null,
      publicKey: asked.publicKey,
      userData: body.user_data ?? null,
      ...(asked.files.length === 0 ? {} : { files: asked.files }),
      configDrive: body.config_drive !== undefined && toBoolean(body.config_drive),
      diskConfig,
      lockedBy: null,
      lockedReason: null,
      accessIpV4: body.accessIPv4 === undefined ? null : canonicalAddress('accessIPv4', body.accessIPv4),
      accessIpV6: body.accessIPv6 === undefined ? null : canonicalAddress('accessIPv6', body.accessIPv6),
      launchIndex: index,
      reservationId,
      rootDeviceName: '/dev/vda',
      networkInfo: [],
      blockDevices: asked.devices.map((device) => ({ ...device, uuid: deps.ids.uuid() })),
      securityGroups: networks === 'none' ? [] : securityGroups.map(({ name: group }) => group),
      fault: null,
      schedulerHints: spec.schedulerHints,
      trustedCerts: body.trusted_image_certificates ?? null,
      launchedAt: null,
      terminatedAt: null,
      deletedAt: null,
    };
  };

  const { cell0 } = deps.stores;
  const created = await cell0.database.transaction().execute(async (tx) => {
    const count = await admitServers(deps, tx, projectId, flavor, { min: asked.min, max: asked.max, userId: caller.userId });
    const instances = Array.from({ length: count }, (_, index) => template(index, count));
    // the mappings first: one without an instance is found and removed, an instance without one would be lost
    const entries = instances.map(({ id }) => ({ instanceId: id, projectId, userId: caller.userId, cellId: cell0.id, spec }));
    if (groupId === null) await mapInstances(deps.stores.api, entries);
    else
      await deps.stores.api.transaction().execute(async (api) => {
        await mapInstances(api, entries);
        await joinGroup(
          deps,
          api,
          groupId,
          instances.map(({ id }) => id),
        );
      });
    await insertInstances(tx, instances);
    await recordAction(
      tx,
      instances.map((instance) => ({
        instanceId: instance.id,
        action: 'create',
        requestId: ctx.requestId,
        userId: caller.userId,
        projectId,
      })),
    );
    const instanceIds = instances.map((instance) => instance.id);
    await insertSagas(tx, [
      {
        id: deps.ids.uuid(),
        name: 'place-instances',
        subject: reservationId,
        params: { instanceIds, requestId: ctx.requestId, adminPass, startedAt: deps.clock.now() },
      },
    ]);
    const answered = {
      first: instanceIds[0]!,
      reservationId,
      adminPass,
      diskConfig,
      securityGroups: asked.groups.length === 0 ? [{ name: 'default' }] : asked.groups.map((name) => ({ name })),
    };
    await willAnswer?.(answered);
    return answered;
  });
  deps.conductor.wake({}).catch((error: unknown) => deps.log.debug({ err: error }, 'conductor was not woken; it will look by itself'));
  return created;
}

async function joinGroup(
  deps: ApiDeps,
  api: Parameters<typeof mapInstances>[0],
  groupId: string,
  instanceIds: readonly string[],
): Promise<void> {
  const group = await findServerGroup(deps.stores.api, groupId);
  if (group === null) throw invalid(`Instance group ${groupId} could not be found.`);
  await api
    .insertInto('server_group_members')
    .values(instanceIds.map((instance_id) => ({ group_id: group.rowId, instance_id })))
    .execute();
}

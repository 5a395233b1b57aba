import type { ShareAccess } from '../../../../clients/share.ts';
import { wrongState } from '../../../../domain/faults.ts';
import type { Instance, VmState } from '../../../../domain/instance.ts';
import { conflict, isKind, notFound } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import { nodesOfHost } from '../../../../store/services.ts';
import {
  deleteShareMapping,
  insertShareMapping,
  isShareUsedOnHost,
  setShareStatus,
  sharesOf,
  type ShareMapping,
} from '../../../../store/share-mappings.ts';
import type { ApiDeps } from '../../deps.ts';

/** Ways of mounting that hosts know. */
const protocols: readonly string[] = ['NFS', 'CEPHFS'];

const refuseUnlessIn = (states: readonly VmState[], action: string, { id, vmState }: Instance): void => {
  if (!states.includes(vmState)) throw wrongState(action, id, `while it is in vm_state ${vmState}`);
};

/** As whom the host of an instance mounts a share. */
async function accessOf(deps: ApiDeps, instance: Instance, { protocol }: Pick<ShareMapping, 'protocol'>): Promise<ShareAccess | null> {
  if (protocol === 'CEPHFS') return { type: 'cephx', to: 'nova' };
  const [node] = instance.host === null ? [] : await nodesOfHost(deps.stores, instance.host);
  return node === undefined ? null : { type: 'ip', to: node.facts.hostIp };
}

/** The host must be able to hand files through to guests; placement knows. */
async function refuseUnlessSupported(deps: ApiDeps, { host, flavor }: Instance): Promise<void> {
  const [node] = host === null ? [] : await nodesOfHost(deps.stores, host);
  const { traits } =
    node === undefined ? { traits: [] as readonly string[] } : await deps.placement.traits(deps.identity.serviceSession, node.uuid);
  const isBacked = traits.includes('COMPUTE_MEM_BACKING_FILE') || Object.hasOwn(flavor.extraSpecs, 'hw:mem_page_size');
  if (!traits.includes('COMPUTE_STORAGE_VIRTIO_FS') || !isBacked)
    throw conflict('Feature not supported because either compute or instance are not configured correctly.');
}

/** Attaches a share to a stopped server: it is written down, and its host is given access. */
export async function attachShare(
  deps: ApiDeps,
  ctx: RequestContext,
  { instance, cellId }: LocatedInstance,
  wanted: { readonly shareId: string; readonly tag: string | undefined },
): Promise<ShareMapping> {
  refuseUnlessIn(['stopped'], 'create share', instance);
  await refuseUnlessSupported(deps, instance);
  const share = await deps.share.show(deps.identity.sessionOf(ctx.caller), wanted.shareId);
  if (share.status !== 'available') throw conflict(`Share ${share.id} is in '${share.status}' instead of 'available' status.`);
  if (share.exportLocation === null) throw conflict(`Share ${share.id} export location is missing.`);
  if (!protocols.includes(share.protocol)) throw conflict(`Share protocol ${share.protocol} is not supported.`);
  const database = deps.stores.cell(cellId);
  const mapping = await insertShareMapping(database, {
    uuid: deps.ids.uuid(),
    instanceId: instance.id,
    shareId: share.id,
    status: 'attaching',
    tag: wanted.tag ?? share.id,
    exportLocation: share.exportLocation,
    protocol: share.protocol,
  });
  if (mapping === null) throw conflict(`Share '${share.id}' or tag '${wanted.tag ?? share.id}' already associated to this server.`);
  try {
    const access = await accessOf(deps, instance, mapping);
    if (access === null) throw conflict(`Instance ${instance.id} is not ready`);
    await deps.share.allow(share.id, access);
  } catch (error) {
    await setShareStatus(database, mapping.uuid, 'error');
    throw error;
  }
  return mapping;
}

/** A mapping as it is now: one that was being attached is when the share can be mounted. */
export async function lookedAt(deps: ApiDeps, { instance, cellId }: LocatedInstance, mapping: ShareMapping): Promise<ShareMapping> {
  if (mapping.status !== 'attaching') return mapping;
  const access = await accessOf(deps, instance, mapping);
  const allowed = access === null ? null : await deps.share.isAllowed(mapping.shareId, access);
  if (allowed === false) return mapping;
  const status = allowed === null ? 'error' : 'attached';
  await setShareStatus(deps.stores.cell(cellId), mapping.uuid, status);
  return { ...mapping, status };
}

export async function findShare(deps: ApiDeps, { instance, cellId }: LocatedInstance, shareId: string): Promise<ShareMapping> {
  const found = (await sharesOf(deps.stores.cell(cellId), instance.id)).find((mapping) => mapping.shareId === shareId);
  if (found === undefined) throw notFound(`Share ${shareId} could not be found.`);
  return found;
}

/** Takes a share away from a server; its host loses access unless another of its servers has the share, too. */
async function release(deps: ApiDeps, { instance, cellId }: LocatedInstance, mapping: ShareMapping): Promise<void> {
  const database = deps.stores.cell(cellId);
  await setShareStatus(database, mapping.uuid, 'detaching');
  try {
    const isNeeded = instance.host !== null && (await isShareUsedOnHost(database, mapping, instance.host));
    const access = isNeeded ? null : await accessOf(deps, instance, mapping);
    if (access !== null) await deps.share.deny(mapping.shareId, access);
  } catch (error) {
    await setShareStatus(database, mapping.uuid, 'error');
    throw error;
  }
  await deleteShareMapping(database, mapping.uuid);
}

export async function detachShare(deps: ApiDeps, located: LocatedInstance, shareId: string): Promise<void> {
  refuseUnlessIn(['stopped', 'error'], 'delete share', located.instance);
  await release(deps, located, await findShare(deps, located, shareId));
}

/** Takes all shares of a server that is deleted away. Those that cannot be are left in error, and told of in the log. */
export async function releaseShares(deps: ApiDeps, located: LocatedInstance): Promise<void> {
  for (const mapping of await sharesOf(deps.stores.cell(located.cellId), located.instance.id)) {
    await release(deps, located, mapping).catch((error: unknown) => {
      if (!isKind(error, 'unavailable', 'conflict', 'forbidden')) throw error;
      deps.log.warn(
        { err: error, instanceId: located.instance.id, shareId: mapping.shareId },
        'a share of a deleted server stays open to its host',
      );
    });
  }
}

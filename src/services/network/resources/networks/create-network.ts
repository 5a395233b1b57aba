import { invalidInput, noSegments, segmentInUse } from '../../neutron-errors.ts';
import { enforceQuota } from '../../quota/enforce-quota.ts';
import { authorizeAttributes, type Work } from '../../resource-routes.ts';
import type { Tx } from '../../store/tables.ts';
import { againIfTaken } from '../../store/write.ts';
import type { IdSource } from '../../../../lib/ids.ts';
import { guardedOnCreate, type NewNetwork } from './bodies.ts';

/** What VXLAN's own headers take from the 1500 bytes of the hosts' network. */
const vxlanMtu = 1450;
const plainMtu = 1500;

interface Segment {
  readonly network_type: string;
  readonly physical_network: string | null;
  readonly segmentation_id: number | null;
}

/** Makes a network: a VXLAN segment for tenants, no segment for an external network that names none. */
export async function createNetwork({ deps, ctx, tx }: Work, body: NewNetwork, projectId: string): Promise<string> {
  authorizeAttributes(ctx, 'create_network', guardedOnCreate, body, { project_id: projectId, tenant_id: projectId });
  await enforceQuota(tx, projectId, 'network', 1);
  const external = body['router:external'] ?? false;
  const segment = await chooseSegment(tx, deps.ids, body, external);
  const greatest = segment.network_type === 'vxlan' ? vxlanMtu : plainMtu;
  const mtu = body.mtu === undefined || body.mtu === 0 ? greatest : body.mtu;
  if (mtu < 68 || mtu > greatest) throw invalidInput(`Requested MTU is ${mtu < 68 ? 'too small' : 'too big'}, maximum is ${greatest}`);
  const id = deps.ids.uuid();
  const now = new Date(deps.clock.now());
  await tx
    .insertInto('networks')
    .values({
      id,
      project_id: projectId,
      name: body.name ?? '',
      description: body.description ?? '',
      created_at: now,
      updated_at: now,
      admin_state_up: body.admin_state_up ?? true,
      external,
      is_default: body.is_default ?? false,
      mtu,
      port_security_enabled: body.port_security_enabled ?? true,
      dns_domain: body.dns_domain ?? '',
      ...segment,
      availability_zone_hints: [...(body.availability_zone_hints ?? [])],
      dhcp_host: null,
    })
    .execute()
    .catch(againIfTaken);
  if (body.shared === true) await share(tx, deps.ids, id, projectId);
  return id;
}

/** Shares a network with every project. */
export async function share(tx: Tx, ids: IdSource, networkId: string, projectId: string): Promise<void> {
  await tx
    .insertInto('rbac_policies')
    .values({ id: ids.uuid(), project_id: projectId, network_id: networkId, action: 'access_as_shared', target_project: '*' })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function chooseSegment(tx: Tx, ids: IdSource, body: NewNetwork, external: boolean): Promise<Segment> {
  const type =
    body['provider:network_type'] ?? (external && body['provider:physical_network'] !== undefined ? 'flat' : external ? 'local' : 'vxlan');
  const physical = body['provider:physical_network'] ?? null;
  const asked = body['provider:segmentation_id'] ?? null;
  switch (type) {
    case 'local':
      if (physical !== null || asked !== null)
        throw invalidInput('provider:physical_network and provider:segmentation_id are not allowed for a local network');
      return { network_type: type, physical_network: null, segmentation_id: null };
    case 'flat':
      if (physical === null) throw invalidInput('physical_network required for flat provider network');
      if (asked !== null) throw invalidInput('segmentation_id is prohibited for flat provider network');
      if (await isUsed(tx, { physical })) throw invalidInput(`Physical network ${physical} is in use by another flat network`);
      return { network_type: type, physical_network: physical, segmentation_id: null };
    case 'vxlan':
      if (physical !== null) throw invalidInput('provider:physical_network specified for vxlan network');
      if (asked !== null && (await isUsed(tx, { segment: asked }))) throw segmentInUse(asked);
      return { network_type: type, physical_network: null, segmentation_id: asked ?? (await freeSegment(tx, ids)) };
    default:
      throw invalidInput(`network_type value '${type}' not supported`);
  }
}

/** Drawn at random: with 16 million to choose from, the first is nearly always free, and none is used again soon. */
async function freeSegment(tx: Tx, ids: IdSource): Promise<number> {
  for (let attempt = 0; attempt < 64; attempt++) {
    const segment = Number.parseInt(ids.uuid().slice(0, 6), 16);
    if (segment > 0 && !(await isUsed(tx, { segment }))) return segment;
  }
  throw noSegments();
}

async function isUsed(tx: Tx, what: { readonly segment: number } | { readonly physical: string }): Promise<boolean> {
  const query = tx.selectFrom('networks').select('id').limit(1);
  const found =
    'segment' in what
      ? query.where('network_type', '=', 'vxlan').where('segmentation_id', '=', what.segment)
      : query.where('network_type', '=', 'flat').where('physical_network', '=', what.physical);
  return (await found.execute()).length > 0;
}

import Type from 'typebox';
import type { RequestedNetwork, Vif } from '../../../../domain/network-info.ts';
import { conflict, internal, invalid, isKind, KilonovaError, notFound } from '../../../../lib/errors.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import { awaitSaga } from '../../await-saga.ts';
import type { ApiDeps } from '../../deps.ts';
import { Ipv4, Ipv6, Tag, Uuid } from '../../schemas.ts';
import { hostOf } from '../servers/find-server.ts';
import { operate } from '../servers/operate.ts';
import { refuseTooManyPorts, refuseUnusable, usableNetworks } from '../servers/requested-networks.ts';

const wanted = {
  net_id: Type.Optional(Uuid),
  port_id: Type.Optional(Uuid),
  fixed_ips: Type.Optional(
    Type.Array(Type.Object({ ip_address: Type.Union([Ipv4, Ipv6]) }, { additionalProperties: false }), { minItems: 1, maxItems: 1 }),
  ),
};

/** The body of `POST /servers/{id}/os-interface`; an empty one asks for the project's only network. */
export const AttachInterface = versionedBody('AttachInterface', {
  interfaceAttachment: [
    { until: '2.48', type: Type.Object(wanted, { additionalProperties: false }) },
    { since: '2.49', type: Type.Object({ ...wanted, tag: Type.Optional(Tag) }, { additionalProperties: false }) },
  ],
});

/** What is asked for; `tag` since 2.49. */
export interface AttachWish {
  readonly net_id?: string;
  readonly port_id?: string;
  readonly fixed_ips?: readonly { readonly ip_address: string }[];
  readonly tag?: string;
}

/** Attaches one more interface and answers it, as soon as the guest has it. */
export async function attachInterface(deps: ApiDeps, ctx: RequestContext, located: LocatedInstance, wish: AttachWish): Promise<Vif> {
  const request = await requested(deps, ctx, wish);
  hostOf(located.instance);
  const sagaId = deps.ids.uuid();
  await operate(deps, ctx, located, 'attachInterface', { id: sagaId, name: 'attach-interface', params: { wanted: request } });
  const results = await awaitSaga(deps, located.cellId, sagaId).catch((error: unknown) => {
    throw refusalOf(error);
  });
  return results['vif'] as Vif;
}

/** What is asked for, checked in the caller's name. */
async function requested(deps: ApiDeps, ctx: RequestContext, wish: AttachWish): Promise<RequestedNetwork> {
  const { net_id, port_id, fixed_ips, tag = null } = wish;
  const session = deps.identity.sessionOf(ctx.caller);
  if (net_id !== undefined && port_id !== undefined) throw invalid('Must not input both network_id and port_id');
  if (fixed_ips !== undefined && net_id === undefined) throw invalid('Must input network_id when request IP address');
  if (port_id !== undefined) {
    const portId = normalizeUuid(port_id) ?? port_id;
    const port = await deps.network.port(session, portId);
    if (port.deviceId !== '') throw conflict(`Port ${portId} is still in use.`);
    if (port.fixedIps.length === 0) throw invalid(`Port ${portId} requires a FixedIP in order to be used.`);
    return { networkId: null, portId, fixedIp: null, tag };
  }
  await refuseTooManyPorts(deps, ctx, 1);
  if (net_id === undefined) {
    const usable = await usableNetworks(deps, ctx);
    if (usable.length === 0) throw invalid('No suitable network could be found for attaching an interface.');
    if (usable.length > 1) throw invalid('Multiple possible networks found, use a Network ID to be more specific.');
    return { networkId: usable[0]!.id, portId: null, fixedIp: null, tag };
  }
  const networkId = normalizeUuid(net_id) ?? net_id;
  const [network] = await deps.network.networks(session, { id: [networkId] });
  if (network === undefined) throw notFound(`Network ${networkId} could not be found.`);
  refuseUnusable(ctx, network, networkId);
  return { networkId, portId: null, fixedIp: fixed_ips?.[0]?.ip_address ?? null, tag };
}

/** The network service's refusals by the statuses Nova gives them; whatever else went wrong is a failure to attach. */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof KilonovaError)) return error;
  if (error.code?.startsWith('IpAddressGenerationFailure') === true) return invalid(error.message, { cause: error });
  if (!isKind(error, 'internal', 'unavailable')) return error;
  return internal(`Failed to attach network adapter device: ${error.message}`, { cause: error });
}

import Type from 'typebox';
import { conflict, invalid, isKind, messageOf, notFound } from '../../../../lib/errors.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import type { FloatingIp } from '../../../../clients/network.ts';
import type { Session } from '../../../../clients/session.ts';
import type { Instance } from '../../../../domain/instance.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';
import { Ipv4, Ipv6 } from '../../schemas.ts';

const until = '2.43';
const Address = Type.Union([Ipv4, Ipv6]);
const AddFloatingIp = plainBody(
  'AddFloatingIp',
  Type.Object({ address: Address, fixed_address: Type.Optional(Address) }, { additionalProperties: false }),
);
const RemoveFloatingIp = plainBody('RemoveFloatingIp', Type.Object({ address: Address }, { additionalProperties: false }));

/** The IPv4 addresses of a server that something can lead to. */
const targetsOf = ({ networkInfo }: Instance) =>
  networkInfo.flatMap(({ portId, subnets }) =>
    subnets
      .filter(({ version }) => version === 4)
      .flatMap(({ addresses }) => addresses.map(({ address }) => ({ portId, fixedIpAddress: address }))),
  );

async function byAddress(deps: ApiDeps, session: Session, address: string): Promise<FloatingIp> {
  const [found] = await deps.network.floatingIps(session, { floating_ip_address: address });
  if (found === undefined) throw notFound('floating IP not found');
  return found;
}

/** What `POST /servers/{id}/action` did with floating addresses. The network service tells compute afterwards. */
export const floatingIpActions = [
  serverAction({
    key: 'addFloatingIp',
    until,
    summary: 'Lead a floating address to a server',
    policy: 'os_compute_api:os-floating-ips:add',
    body: AddFloatingIp,
    reply: { status: 202 },
    handle: async ({ body, loaded: { instance }, ctx, deps }) => {
      const targets = targetsOf(instance);
      if (targets.length === 0) throw invalid('No fixed IPs associated to instance');
      const target =
        body.fixed_address === undefined ? targets[0] : targets.find(({ fixedIpAddress }) => fixedIpAddress === body.fixed_address);
      if (target === undefined) throw invalid('Specified fixed address not assigned to instance');
      const session = deps.identity.sessionOf(ctx.caller);
      const floating = await byAddress(deps, session, body.address);
      // an address that leads to another server is led here: there is no other way to move it
      try {
        await deps.network.updateFloatingIp(session, floating.id, target);
      } catch (error) {
        if (isKind(error, 'conflict')) throw invalid(messageOf(error), { cause: error });
        throw error;
      }
    },
  }),
  serverAction({
    key: 'removeFloatingIp',
    until,
    summary: 'No longer lead a floating address to a server',
    policy: 'os_compute_api:os-floating-ips:remove',
    body: RemoveFloatingIp,
    reply: { status: 202 },
    handle: async ({ body, loaded: { instance }, ctx, deps }) => {
      const session = deps.identity.sessionOf(ctx.caller);
      const floating = await byAddress(deps, session, body.address);
      if (!instance.networkInfo.some(({ portId }) => portId === floating.portId)) {
        throw conflict(`Floating IP ${body.address} is not associated with instance ${instance.id}.`);
      }
      await deps.network.updateFloatingIp(session, floating.id, null);
    },
  }),
];

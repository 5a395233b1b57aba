import Type from 'typebox';
import type { Port } from '../../../../clients/network.ts';
import type { Instance } from '../../../../domain/instance.ts';
import { invalid } from '../../../../lib/errors.ts';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { serverAction, type ApiDeps } from '../../deps.ts';
import { Ipv4, Ipv6 } from '../../schemas.ts';
import { refuseLocked } from '../servers/find-server.ts';

const until = '2.43';
const AddFixedIp = plainBody(
  'AddFixedIp',
  Type.Object(
    { networkId: Type.Union([Type.String({ minLength: 1, maxLength: 36 }), Type.Integer({ minimum: 0 })]) },
    { additionalProperties: false },
  ),
);
const RemoveFixedIp = plainBody('RemoveFixedIp', Type.Object({ address: Type.Union([Ipv4, Ipv6]) }, { additionalProperties: false }));

const portsOf = (deps: ApiDeps, { id }: Instance): Promise<readonly Port[]> =>
  deps.network.ports(deps.identity.serviceSession, { device_id: id });

/** What `POST /servers/{id}/action` did with fixed addresses: they come and go at a port of the server, whose interface stays. */
export const fixedIpActions = [
  serverAction({
    key: 'addFixedIp',
    until,
    summary: 'Give a server one more fixed address on a network',
    policy: 'os_compute_api:os-multinic:add',
    body: AddFixedIp,
    reply: { status: 202 },
    handle: async ({ body, loaded: { instance }, ctx, deps }) => {
      refuseLocked(ctx, instance);
      const networkId = String(body.networkId);
      const port = (await portsOf(deps, instance)).find((one) => one.networkId === networkId);
      const subnetId = port?.fixedIps[0]?.subnetId;
      if (port === undefined || subnetId === undefined)
        throw invalid(`Instance ${instance.id} has no interface on network ${networkId} that could have one more address.`);
      await deps.network.updatePort(deps.identity.serviceSession, port.id, { fixedIps: [...port.fixedIps, { subnetId }] });
      await deps.conductor.networkChanged({ instanceIds: [instance.id] });
    },
  }),
  serverAction({
    key: 'removeFixedIp',
    until,
    summary: 'Take a fixed address from a server',
    policy: 'os_compute_api:os-multinic:remove',
    body: RemoveFixedIp,
    reply: { status: 202 },
    handle: async ({ body: { address }, loaded: { instance }, ctx, deps }) => {
      refuseLocked(ctx, instance);
      const port = (await portsOf(deps, instance)).find(({ fixedIps }) => fixedIps.some(({ ipAddress }) => ipAddress === address));
      if (port === undefined) throw invalid(`Fixed IP not found for instance ${instance.id}: ${address}`);
      await deps.network.updatePort(deps.identity.serviceSession, port.id, {
        fixedIps: port.fixedIps.filter(({ ipAddress }) => ipAddress !== address),
      });
      await deps.conductor.networkChanged({ instanceIds: [instance.id] });
    },
  }),
];

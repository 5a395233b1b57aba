import type { NetworkClient, Port, PortBinding } from '../../src/clients/network.ts';
import { notFound, unavailable } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { sampleNetwork } from '../support/samples.ts';

const raise = (error: Error): never => {
  throw error;
};

/** An object of which only these methods are used; any other is an error that names itself. */
export function only<T extends object>(what: string, methods: Partial<T>): T {
  return new Proxy(methods as T, {
    get: (target, key) =>
      Reflect.get(target, key) ?? (() => Promise.reject(unavailable(`${what}.${String(key)} is not part of this world`))),
  });
}

export function portOf(port: {
  networkId: string;
  projectId: string;
  deviceId: string;
  deviceOwner: string;
  hostId?: string;
  profile?: Readonly<Record<string, unknown>>;
}): Port {
  return {
    id: randomIds.uuid(),
    networkId: port.networkId,
    projectId: port.projectId,
    name: '',
    macAddress: 'fa:16:3e:00:00:01',
    fixedIps: [],
    deviceId: port.deviceId,
    deviceOwner: port.deviceOwner,
    status: 'ACTIVE',
    adminStateUp: true,
    securityGroupIds: [],
    portSecurityEnabled: true,
    binding: { hostId: port.hostId ?? '', vnicType: 'normal', vifType: 'bridge', vifDetails: {}, profile: port.profile ?? {} },
  };
}

/** A network service in memory, with one network that everybody may use: ports and bindings can be counted. */
export function networkOf(
  ports: Map<string, Port>,
  prepared: Map<string, PortBinding>,
  { networkId = 'net' }: { readonly networkId?: string } = {},
): NetworkClient {
  const isAsked = (asked: string | readonly string[] | undefined, value: string): boolean =>
    asked === undefined || [asked].flat().includes(value);
  return only<NetworkClient>('network', {
    networks: (_session, query) =>
      Promise.resolve(
        [sampleNetwork({ id: networkId, name: 'private', projectId: 'p1', shared: true, mtu: 1450, subnetIds: ['sub'] })].filter(
          ({ id, projectId, shared, external }) =>
            isAsked(query?.['id'], id) &&
            isAsked(query?.['tenant_id'], projectId) &&
            isAsked(query?.['shared'], String(shared)) &&
            isAsked(query?.['router:external'], String(external)),
        ),
      ),
    securityGroups: () => Promise.resolve([]),
    portQuota: () => Promise.resolve(null),
    subnets: () => Promise.resolve([]),
    floatingIps: () => Promise.resolve([]),
    ports: (_session, query) =>
      Promise.resolve(
        [...ports.values()].filter((port) => isAsked(query?.['device_id'], port.deviceId) && isAsked(query?.['id'], port.id)),
      ),
    port: (_session, id) => Promise.resolve(ports.get(id) ?? raise(notFound(`No port ${id}.`))),
    createPorts: (_session, wanted) => {
      const made = wanted.map(portOf);
      for (const port of made) ports.set(port.id, port);
      return Promise.resolve(made);
    },
    createPort: (_session, wanted) => {
      const port = portOf(wanted);
      ports.set(port.id, port);
      return Promise.resolve(port);
    },
    updatePort: (_session, id, { hostId, deviceId, profile }) => {
      const port = ports.get(id) ?? raise(notFound(`No port ${id}.`));
      const binding = { ...port.binding, hostId: hostId ?? '', profile: profile ?? port.binding.profile };
      const changed = { ...port, deviceId: deviceId ?? port.deviceId, binding };
      ports.set(id, changed);
      return Promise.resolve(changed);
    },
    deletePort: (_session, id) => Promise.resolve(void ports.delete(id)),
    prepareBinding: (_session, id, { hostId, profile }) => {
      const port = ports.get(id) ?? raise(notFound(`No port ${id}.`));
      const binding = { ...port.binding, hostId, profile };
      prepared.set(`${id} ${hostId}`, binding);
      return Promise.resolve(binding);
    },
    activateBinding: (_session, id, hostId) => {
      const port = ports.get(id) ?? raise(notFound(`No port ${id}.`));
      if (port.binding.hostId === hostId) return Promise.resolve();
      const binding = prepared.get(`${id} ${hostId}`) ?? raise(notFound(`Port ${id} is not prepared on ${hostId}.`));
      prepared.delete(`${id} ${hostId}`);
      prepared.set(`${id} ${port.binding.hostId}`, port.binding);
      ports.set(id, { ...port, binding });
      return Promise.resolve();
    },
    deleteBinding: (_session, id, hostId) => Promise.resolve(void prepared.delete(`${id} ${hostId}`)),
  });
}

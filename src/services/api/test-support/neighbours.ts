import type { IncomingHttpHeaders } from 'node:http';
import type { IdentityClient } from '../../../clients/identity.ts';
import type { Image, ImageClient } from '../../../clients/image.ts';
import type { FloatingIp, Network, NetworkClient, Port, SecurityGroup } from '../../../clients/network.ts';
import { volumesInMemory, type VolumesInMemory } from '../../../clients/testing/volumes-in-memory.ts';
import type { VolumeClient } from '../../../clients/volume.ts';
import { conflict, forbidden, notFound, overQuota, unavailable } from '../../../lib/errors.ts';
import { randomIds } from '../../../lib/ids.ts';
import type { Caller } from '../../../lib/http/caller.ts';
import type { Share, ShareAccess, ShareClient } from '../../../clients/share.ts';
import type { ApiDeps } from '../deps.ts';

/** What the other services know; tests change it at will. */
export interface Neighbours {
  /** Limits of the identity service. */
  limits: Awaited<ReturnType<IdentityClient['limits']>>;
  /** Projects that exist; null when the identity service may not be asked. */
  projects: ReadonlySet<string> | null;
  readonly images: Map<string, Image>;
  /** Runs when somebody makes an image. */
  whenImageIsMade: () => Promise<unknown>;
  readonly networks: Network[];
  readonly ports: Map<string, Port>;
  readonly securityGroups: SecurityGroup[];
  readonly floatingIps: Map<string, FloatingIp>;
  readonly volumes: VolumesInMemory;
  portQuota: { readonly limit: number; readonly used: number } | null;
  /** Shares, who may mount each, and what becomes of a new rule. */
  readonly shares: Map<string, Share & { access: readonly ShareAccess[]; state: boolean | null }>;
  /** By the uuid of a node. */
  readonly providers: Map<string, { generation: number; aggregates: readonly string[]; traits: readonly string[] }>;
  /** Consumers whose allocations were deleted. */
  readonly released: string[];
  placementIsDown: boolean;
  readonly clients: {
    readonly identity: IdentityClient;
    readonly image: ImageClient;
    readonly network: NetworkClient;
    readonly volume: VolumeClient;
    readonly share: ShareClient;
    readonly placement: ApiDeps['placement'];
  };
}

const rolesOf: Readonly<Record<string, readonly string[]>> = {
  admin: ['admin', 'manager', 'member', 'reader'],
  manager: ['manager', 'member', 'reader'],
  member: ['member', 'reader'],
  reader: ['reader'],
  service: ['service'],
};

/** Who asks: a token names project and role, as in `alpha.member`, which is the user's name, too. One that ends in `.expired` is nobody's any more. */
function callerOf(headers: IncomingHttpHeaders): Caller | null {
  const token = String(headers['x-auth-token'] ?? '');
  const [projectId = '', role = '', expired] = token.split('.');
  const roles = rolesOf[role];
  if (projectId === '' || roles === undefined || expired === 'expired') return null;
  return {
    userId: token,
    userName: token,
    userDomainId: 'default',
    projectId,
    projectName: projectId,
    projectDomainId: 'default',
    domainId: null,
    system: false,
    roles,
    isAdmin: role === 'admin',
    serviceRoles: [],
    token,
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
}

const session = (token: string) => ({ token: () => Promise.resolve(token) });

export function fakeNeighbours(): Neighbours {
  const providerOf = (uuid: string) => {
    if (self.placementIsDown) throw unavailable('The placement service does not answer.');
    const provider = self.providers.get(uuid);
    if (provider === undefined) throw notFound(`No resource provider with uuid ${uuid} found`);
    return provider;
  };
  const write = (
    uuid: string,
    generation: number,
    change: { readonly aggregates?: readonly string[]; readonly traits?: readonly string[] },
  ) => {
    const provider = providerOf(uuid);
    if (provider.generation !== generation)
      throw conflict('resource provider generation conflict', { code: 'placement.concurrent_update' });
    Object.assign(provider, change);
    return ++provider.generation;
  };
  const shareOf = (id: string) => {
    const share = self.shares.get(id);
    if (share === undefined) throw notFound(`Share ${id} could not be found.`);
    return share;
  };
  const groupOf = (id: string): SecurityGroup => {
    const group = self.securityGroups.find((each) => each.id === id);
    if (group === undefined) throw notFound(`Security group ${id} does not exist`);
    return group;
  };
  const replaceGroup = (group: SecurityGroup): SecurityGroup => {
    self.securityGroups.splice(self.securityGroups.indexOf(groupOf(group.id)), 1, group);
    return group;
  };
  const volumes = volumesInMemory();
  const self: Neighbours = {
    projects: null,
    limits: { registered: {}, ofProject: {} },
    images: new Map(),
    whenImageIsMade: () => Promise.resolve(),
    networks: [],
    ports: new Map(),
    securityGroups: [],
    floatingIps: new Map(),
    volumes,
    portQuota: null,
    shares: new Map(),
    providers: new Map(),
    released: [],
    placementIsDown: false,
    clients: {
      volume: volumes.client,
      identity: {
        authenticate: (headers) => Promise.resolve(callerOf(headers)),
        sessionOf: (caller) => session(caller.token),
        serviceSession: session('nova'),
        endpoints: {
          url: (type) => (type === 'image' ? Promise.resolve('http://image') : Promise.reject(unavailable('There is no catalog.'))),
        },
        projectExists: (id) => Promise.resolve(self.projects === null ? null : self.projects.has(id)),
        limits: ({ projectId }) => Promise.resolve({ ...self.limits, ofProject: projectId === null ? {} : self.limits.ofProject }),
        close: () => Promise.resolve(),
      },
      image: {
        show: async (_, id) => {
          const image = self.images.get(id);
          if (image === undefined) throw notFound(`No image found with ID ${id}`);
          return image;
        },
        list: async (_, { marker, ...filters } = {}) => {
          const fitting = [...self.images.values()].filter((image) =>
            Object.entries(filters).every(
              ([name, value]) => ({ ...image.properties, name: image.name, status: image.status })[name] === value,
            ),
          );
          return fitting.slice(marker === undefined ? 0 : fitting.findIndex(({ id }) => id === marker) + 1);
        },
        changeProperties: async (_, id, { set, remove }) => {
          const image = self.images.get(id);
          if (image === undefined) throw notFound(`No image found with ID ${id}`);
          if (image.owner === null) throw forbidden('You are not permitted to modify this image.');
          const kept = Object.fromEntries(Object.entries(image.properties).filter(([name]) => !remove.includes(name)));
          const changed = { ...image, properties: { ...kept, ...set } };
          self.images.set(id, changed);
          return changed;
        },
        create: async (by, wanted) => {
          await self.whenImageIsMade();
          const image: Image = {
            id: randomIds.uuid(),
            status: 'queued',
            owner: (await by.token()).split('.')[0] ?? null,
            protected: false,
            size: null,
            virtualSize: null,
            checksum: null,
            hash: null,
            createdAt: '',
            updatedAt: '',
            tags: [],
            visibility: 'private',
            minDisk: 0,
            minRam: 0,
            properties: {},
            ...wanted,
            ...(wanted.id === undefined ? {} : { id: wanted.id }),
          };
          self.images.set(image.id, image);
          return image;
        },
        delete: async (_, id) => {
          if (!self.images.delete(id)) throw notFound(`Failed to find image ${id} to delete`);
        },
      } satisfies Partial<ImageClient> as unknown as ImageClient,
      network: {
        networks: async (_, query = {}) =>
          self.networks.filter(
            (network) =>
              (query['id'] === undefined || [query['id']].flat().includes(network.id)) &&
              (query['tenant_id'] === undefined || query['tenant_id'] === network.projectId) &&
              (query['shared'] === undefined || network.shared) &&
              (query['router:external'] === undefined || network.external),
          ),
        port: async (_, id) => {
          const port = self.ports.get(id);
          if (port === undefined) throw notFound(`Port ${id} could not be found.`);
          return port;
        },
        securityGroups: async (_, query = {}) =>
          self.securityGroups.filter(
            (group) =>
              (query['name'] === undefined || group.name === query['name']) &&
              (query['id'] === undefined || [query['id']].flat().includes(group.id)) &&
              (query['tenant_id'] === undefined || group.projectId === query['tenant_id']),
          ),
        securityGroup: async (_, id) => groupOf(id),
        createSecurityGroup: async (by, { name, description }) => {
          const projectId = (await by.token()).split('.')[0]!;
          const made = { id: randomIds.uuid(), name, description, projectId, rules: [] };
          if (self.securityGroups.filter((group) => group.projectId === projectId).length >= 4)
            throw overQuota("Quota exceeded for resources: ['security_group'].");
          self.securityGroups.push(made);
          return made;
        },
        updateSecurityGroup: async (_, id, changes) => replaceGroup({ ...groupOf(id), ...changes }),
        deleteSecurityGroup: async (_, id) => {
          const group = groupOf(id);
          if ([...self.ports.values()].some(({ securityGroupIds }) => securityGroupIds.includes(id)))
            throw conflict(`Security Group ${id} in use.`);
          self.securityGroups.splice(self.securityGroups.indexOf(group), 1);
        },
        securityGroupRule: async (_, id) => {
          const rule = self.securityGroups.flatMap(({ rules }) => rules).find((each) => each.id === id);
          if (rule === undefined) throw notFound(`Security group rule ${id} does not exist`);
          return rule;
        },
        createIngressRule: async (_, rule) => {
          const made = { ...rule, id: randomIds.uuid(), direction: 'ingress' as const };
          const group = groupOf(rule.groupId);
          replaceGroup({ ...group, rules: [...group.rules, made] });
          return made;
        },
        deleteSecurityGroupRule: async (_, id) => {
          const group = self.securityGroups.find(({ rules }) => rules.some((rule) => rule.id === id))!;
          replaceGroup({ ...group, rules: group.rules.filter((rule) => rule.id !== id) });
        },
        ports: async (_, query = {}) =>
          [...self.ports.values()].filter(
            ({ id, deviceId }) =>
              (query['id'] === undefined || [query['id']].flat().includes(id)) &&
              (query['device_id'] === undefined || deviceId === query['device_id']),
          ),
        updatePort: async (_, id, { securityGroupIds }) => {
          const port = self.ports.get(id);
          if (port === undefined) throw notFound(`Port ${id} could not be found.`);
          const changed = { ...port, ...(securityGroupIds === undefined ? {} : { securityGroupIds }) };
          self.ports.set(id, changed);
          return changed;
        },
        floatingIps: async (_, query = {}) =>
          [...self.floatingIps.values()].filter(
            ({ id, floatingIpAddress }) =>
              (query['id'] === undefined || [query['id']].flat().includes(id)) &&
              (query['floating_ip_address'] === undefined || query['floating_ip_address'] === floatingIpAddress),
          ),
        createFloatingIp: async (_, networkId) => {
          if (self.floatingIps.size >= 2) throw overQuota('Quota exceeded for resources: floatingip.');
          const made = {
            id: randomIds.uuid(),
            floatingIpAddress: `203.0.113.${self.floatingIps.size + 1}`,
            fixedIpAddress: null,
            portId: null,
            networkId,
          };
          self.floatingIps.set(made.id, made);
          return made;
        },
        updateFloatingIp: async (_, id, leadsTo) => {
          const changed = {
            ...self.floatingIps.get(id)!,
            portId: leadsTo?.portId ?? null,
            fixedIpAddress: leadsTo?.fixedIpAddress ?? null,
          };
          self.floatingIps.set(id, changed);
          return changed;
        },
        deleteFloatingIp: async (_, id) => void self.floatingIps.delete(id),
        checkAutoAllocate: async () => {
          if (!self.networks.some((network) => network.external)) throw conflict('there is no external network');
        },
        portQuota: async () => self.portQuota,
      } satisfies Partial<NetworkClient> as unknown as NetworkClient,
      share: {
        show: async (_, id) => shareOf(id),
        allow: async (id, access) => void (shareOf(id).access = [...shareOf(id).access, access]),
        isAllowed: async (id) => shareOf(id).state,
        deny: async (id, { to }) => void (shareOf(id).access = shareOf(id).access.filter((access) => access.to !== to)),
      },
      placement: {
        deleteAllocations: async (_, consumer) => void self.released.push(consumer),
        aggregates: async (_, uuid) => ({ ...providerOf(uuid) }),
        traits: async (_, uuid) => ({ ...providerOf(uuid) }),
        setAggregates: async (_, uuid, generation, aggregates) => write(uuid, generation, { aggregates }),
        setTraits: async (_, uuid, generation, traits) => write(uuid, generation, { traits }),
        deleteProvider: async (_, uuid) => void self.providers.delete(uuid),
      },
    },
  };
  return self;
}

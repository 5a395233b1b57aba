import Type, { type TSchema } from 'typebox';
import { formatVersion, isWithin, version, type VersionText } from '../../../src/lib/http/microversion.ts';
import type { ActionRoute, AnyRoute } from '../../../src/lib/http/route.ts';
import { computeMicroversions } from '../../../src/services/api/microversions.ts';
import { actionRoutes, routes as computeRoutes } from '../../../src/services/api/resources/index.ts';
import { CreateServer } from '../../../src/services/api/resources/servers/bodies.ts';
import { versionRoutes } from '../../../src/services/api/resources/versions/routes.ts';
import { identityRoutes } from '../../../src/services/identity/routes.ts';
import { dataRoutes } from '../../../src/services/image/resources/data.ts';
import { documentRoutes } from '../../../src/services/image/resources/documents.ts';
import { imageRoutes } from '../../../src/services/image/resources/images.ts';
import { memberRoutes } from '../../../src/services/image/resources/members.ts';
import { tagRoutes } from '../../../src/services/image/resources/tags.ts';
import { networkRoutes } from '../../../src/services/network/routes.ts';
import { placementRoutes } from '../../../src/services/placement/application.ts';
import { microversions as placementMicroversions } from '../../../src/services/placement/microversions.ts';
import { volumeMicroversions } from '../../../src/services/volume/microversions.ts';
import { versionRoutes as volumeVersionRoutes } from '../../../src/services/volume/resources/documents.ts';
import { volumeActionRoutes, volumeRoutes } from '../../../src/services/volume/routes.ts';

export type ServiceName = 'compute' | 'identity' | 'image' | 'network' | 'placement' | 'volumev3';

/** One thing a service can be asked, at the newest version that has it. */
export interface Endpoint {
  readonly service: ServiceName;
  readonly method: string;
  /** From the root of the service. */
  readonly path: string;
  /** Tells the actions of one path apart. */
  readonly action: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it answers without a token. */
  readonly isPublic: boolean;
  readonly takes: 'nothing' | 'json' | 'patch' | 'stream';
  /** What its whole body must be like. */
  readonly schema: TSchema | null;
  readonly bodyOptional: boolean;
  /** Whether bodies are read as leniently as before microversions. */
  readonly legacy: boolean;
  /** The parameters of its query, where a table names them. */
  readonly query: readonly string[];
}

interface Table {
  readonly service: ServiceName;
  readonly routes: readonly AnyRoute<never>[];
  readonly mount?: string;
  readonly newest?: VersionText;
  readonly serviceType?: string;
  /** A mount that was frozen before microversions: served at the least one, whatever the headers say. */
  readonly legacy?: true;
}

/** Every service's own tables: what is added to one is walked from then on. */
const tables: readonly Table[] = [
  { service: 'compute', routes: versionRoutes, newest: computeMicroversions.max, serviceType: 'compute' },
  { service: 'compute', routes: computeRoutes, mount: '/v2.1', newest: computeMicroversions.max, serviceType: 'compute' },
  {
    service: 'compute',
    routes: computeRoutes.filter((route) => isWithin(route, version(computeMicroversions.min))),
    mount: '/v2',
    newest: computeMicroversions.min,
    legacy: true,
  },
  { service: 'identity', routes: identityRoutes },
  { service: 'image', routes: [...documentRoutes, ...imageRoutes, ...dataRoutes, ...memberRoutes, ...tagRoutes] },
  { service: 'network', routes: networkRoutes },
  { service: 'placement', routes: placementRoutes, newest: placementMicroversions.max, serviceType: 'placement' },
  { service: 'volumev3', routes: volumeVersionRoutes, newest: volumeMicroversions.max, serviceType: 'volume' },
  { service: 'volumev3', routes: volumeRoutes, mount: '/v3', newest: volumeMicroversions.max, serviceType: 'volume' },
];

/** Bodies that are judged by more than their route's schema. */
const deeperBodies: Readonly<Record<string, (at: number) => TSchema>> = {
  'compute POST /v2.1/servers': (at) => Type.Object({ server: CreateServer.schema(at) }),
  'image POST /v2/images': () =>
    Type.Object({
      name: Type.Optional(Type.String()),
      tags: Type.Optional(Type.Array(Type.String())),
      min_disk: Type.Optional(Type.Integer()),
      min_ram: Type.Optional(Type.Integer()),
      owner: Type.Optional(Type.String()),
      visibility: Type.Optional(Type.Enum(['private', 'shared'])),
      protected: Type.Optional(Type.Boolean()),
      os_hidden: Type.Optional(Type.Boolean()),
      disk_format: Type.Optional(Type.Enum(['raw', 'qcow2'])),
      container_format: Type.Optional(Type.Enum(['bare'])),
      hw_disk_bus: Type.Optional(Type.String()),
    }),
  'image PATCH /v2/images/:imageId': () =>
    Type.Array(Type.Object({ op: Type.Enum(['add']), path: Type.String({ pattern: '^/' }), value: Type.String() })),
};

const headersAt = ({ serviceType }: Table, at: number): Record<string, string> =>
  serviceType === undefined ? {} : { 'openstack-api-version': `${serviceType} ${formatVersion(at)}` };

function endpointOf(table: Table, route: AnyRoute<never>): Endpoint {
  const at = table.newest === undefined ? 0 : version(table.legacy === true ? table.newest : (route.until ?? table.newest));
  const path = `${table.mount ?? ''}${route.path}`;
  const { body } = route;
  const given = typeof body === 'object' ? body.schema.schema(at) : null;
  const whole = typeof body === 'object' && body.key !== undefined && given !== null ? Type.Object({ [body.key]: given }) : given;
  return {
    service: table.service,
    method: route.method,
    path,
    action: null,
    headers: headersAt(table, at),
    isPublic: route.policy === 'public',
    takes: body === 'stream' ? 'stream' : body === 'any' ? 'patch' : body === undefined ? 'nothing' : 'json',
    schema: deeperBodies[`${table.service} ${route.method} ${path}`]?.(at) ?? whole,
    bodyOptional: typeof body === 'object' && body.optional === true,
    legacy: table.legacy === true,
    query: [...(route.query?.known(at).keys() ?? [])],
  };
}

function endpointsOfActions(service: ServiceName, { path, actions }: ActionRoute<never, never>): Endpoint[] {
  const [table] = tables.filter((each) => each.service === service && each.mount !== undefined) as [Table & { readonly mount: string }];
  return actions.map(({ key, body, until }) => {
    const at = version(until ?? table.newest ?? '1.0');
    const schema = Type.Object({ [key]: body?.schema(at) ?? Type.Null() });
    return {
      service,
      method: 'POST',
      path: `${table.mount}${path}`,
      action: key,
      headers: headersAt(table, at),
      isPublic: false,
      takes: 'json',
      schema,
      bodyOptional: false,
      legacy: false,
      query: [],
    };
  });
}

export const endpoints: readonly Endpoint[] = [
  ...tables.flatMap((table) => table.routes.map((route) => endpointOf(table, route))),
  ...actionRoutes.flatMap((actions) => endpointsOfActions('compute', actions as unknown as ActionRoute<never, never>)),
  ...volumeActionRoutes.flatMap((actions) => endpointsOfActions('volumev3', actions as unknown as ActionRoute<never, never>)),
];

export const nameOf = ({ service, method, path, action }: Endpoint): string =>
  `${service} ${method} ${path}${action === null ? '' : ` ${action}`}`;

import { Type } from 'typebox';
import { plainBody, versionedBody, type BodyOf } from '../../../../lib/http/versioned-body.ts';
import { Flag, Line, NullOr, ResourceId, standardBody, standardChanges } from '../../texts.ts';

const FixedIp = Type.Object(
  { subnet_id: Type.Optional(NullOr(ResourceId)), ip_address: Type.Optional(NullOr(Line)) },
  { additionalProperties: false },
);
const GatewayInfo = Type.Object(
  {
    network_id: Type.Optional(ResourceId),
    enable_snat: Type.Optional(Type.Boolean()),
    external_fixed_ips: Type.Optional(NullOr(Type.Array(FixedIp, { maxItems: 10 }))),
    qos_policy_id: Type.Optional(Type.Null()),
  },
  { additionalProperties: false },
);
const Routes = Type.Array(Type.Object({ destination: Line, nexthop: Line }, { additionalProperties: false }), { maxItems: 30 });

const changes = {
  admin_state_up: { type: Flag },
  external_gateway_info: { type: NullOr(GatewayInfo) },
  distributed: { type: NullOr(Type.Literal(false)) },
  ha: { type: NullOr(Type.Literal(false)) },
} as const;
const newRouter = {
  ...standardBody,
  ...changes,
  availability_zone_hints: { type: Type.Array(Line, { maxItems: 10 }) },
  flavor_id: { type: Type.Null() },
} as const;
const routerChanges = { ...standardChanges, ...changes, routes: { type: NullOr(Routes) } } as const;

export const CreateRouter = versionedBody('CreateRouter', newRouter);
export const UpdateRouter = versionedBody('UpdateRouter', routerChanges);
export const ExtraRoutes = plainBody('ExtraRoutes', Type.Object({ routes: Routes }, { additionalProperties: false }));
export const RouterInterface = plainBody(
  'RouterInterface',
  Type.Object({ subnet_id: Type.Optional(ResourceId), port_id: Type.Optional(ResourceId) }, { additionalProperties: false }),
);
export type NewRouter = BodyOf<typeof newRouter>;
export type RouterChanges = BodyOf<typeof routerChanges>;
export type GatewayInfoBody = NonNullable<NewRouter['external_gateway_info']>;

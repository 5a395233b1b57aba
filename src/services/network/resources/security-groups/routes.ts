import type { AnyRoute } from '../../../../lib/http/route.ts';
import type { NetworkDeps } from '../../deps.ts';
import { resourceRoutes } from '../../resource-routes.ts';
import { CreateSecurityGroup, CreateSecurityGroupRule, UpdateSecurityGroup } from './bodies.ts';
import {
  createSecurityGroup,
  createSecurityGroupRule,
  deleteSecurityGroup,
  deleteSecurityGroupRule,
  updateSecurityGroup,
} from './change-groups.ts';
import { securityGroupRules, securityGroups } from './collection.ts';
import { ensureDefaultGroup } from './ensure-default-group.ts';

const groupRoutes = resourceRoutes({
  collection: securityGroups,
  create: { body: CreateSecurityGroup, run: createSecurityGroup },
  update: { body: UpdateSecurityGroup, run: updateSecurityGroup },
  remove: deleteSecurityGroup,
});

/** A project sees its default group from its first look on, so whoever lists groups or rules has it made. */
const withDefaultGroup = (route: AnyRoute<NetworkDeps>): AnyRoute<NetworkDeps> =>
  route.method !== 'GET' || route.path.includes(':')
    ? route
    : {
        ...route,
        async handle(input) {
          await ensureDefaultGroup(input.deps, input.ctx.caller.projectId);
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the route's own handler, whose types are forgotten here
          return route.handle(input) as Promise<unknown>;
        },
      };

export const securityGroupRoutes: readonly AnyRoute<NetworkDeps>[] = [
  ...groupRoutes,
  ...resourceRoutes({
    collection: securityGroupRules,
    create: { body: CreateSecurityGroupRule, run: createSecurityGroupRule, authorizes: true },
    remove: deleteSecurityGroupRule,
  }),
].map(withDefaultGroup);

import type { ActionRoute, AnyRoute } from '../../../../lib/http/route.ts';
import { version, type VersionText, type Window } from '../../../../lib/http/microversion.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import type { ApiDeps } from '../../deps.ts';
import { serverActions } from '../servers/actions.ts';
import { serverRoutes } from '../servers/routes.ts';

/** Another name of `/servers`, from when servers with volumes were something else. It ended with 2.102. */
const last: VersionText = '2.102';
const aliased = ['/servers', '/servers/detail', '/servers/:serverId'];
const actionKeys = [
  'confirmResize',
  'revertResize',
  'reboot',
  'resize',
  'rebuild',
  'createImage',
  'os-start',
  'os-stop',
  'trigger_crash_dump',
];

const renamed = (path: string): string => path.replace(/^\/servers/, '/os-volumes_boot');
const wasThere = ({ since }: Window): boolean => since === undefined || version(since) <= version(last);
const endOf = ({ until }: Window): VersionText => (until === undefined || version(until) > version(last) ? last : until);

export const volumesBootRoutes = serverRoutes
  .filter((one) => aliased.includes(one.path) && wasThere(one))
  .map((one): AnyRoute<ApiDeps> => ({ ...one, path: renamed(one.path), until: endOf(one) }));

export const volumesBootActions: ActionRoute<ApiDeps, LocatedInstance> = {
  ...serverActions,
  path: renamed(serverActions.path),
  actions: serverActions.actions
    .filter((one) => actionKeys.includes(one.key) && wasThere(one))
    .map((one) => ({ ...one, until: endOf(one) })),
};

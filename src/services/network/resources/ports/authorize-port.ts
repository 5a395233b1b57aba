import type { RequestContext } from '../../../../lib/http/route.ts';
import { authorizeAttributes } from '../../resource-routes.ts';
import { guardedOnCreate, guardedOnUpdate, type PortChangesBody } from './bodies.ts';
import { isNetworkDevice } from './device-owners.ts';

/** Asks the policy about every part of a port's body that has a rule of its own. */
export function authorizePort(
  ctx: RequestContext,
  action: 'create_port' | 'update_port',
  body: PortChangesBody,
  target: Readonly<Record<string, unknown>>,
): void {
  authorizeAttributes(ctx, action, action === 'create_port' ? guardedOnCreate : guardedOnUpdate, body, target);
  if (body.device_owner !== undefined && isNetworkDevice(body.device_owner)) ctx.authorize(`${action}:device_owner`, target);
  for (const { subnet_id: subnet, ip_address: ip } of body.fixed_ips ?? []) {
    if (typeof ip === 'string') ctx.authorize(`${action}:fixed_ips:ip_address`, target);
    if (typeof subnet === 'string') ctx.authorize(`${action}:fixed_ips:subnet_id`, target);
  }
}

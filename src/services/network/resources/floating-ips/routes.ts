import { resourceRoutes } from '../../resource-routes.ts';
import { CreateFloatingIp, UpdateFloatingIp } from './bodies.ts';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from './change-floating-ip.ts';
import { floatingIps } from './collection.ts';

export const floatingIpRoutes = resourceRoutes({
  collection: floatingIps,
  create: { body: CreateFloatingIp, run: createFloatingIp },
  update: { body: UpdateFloatingIp, run: updateFloatingIp },
  remove: deleteFloatingIp,
});

import { resourceRoutes } from '../../resource-routes.ts';
import { CreatePort, UpdatePort } from './bodies.ts';
import { ports } from './collection.ts';
import { createPort } from './create-port.ts';
import { deletePort } from './delete-port.ts';
import { updatePort } from './update-port.ts';

export const portRoutes = resourceRoutes({
  collection: ports,
  create: { body: CreatePort, run: createPort, authorizes: true },
  update: { body: UpdatePort, run: updatePort },
  remove: deletePort,
});

import { resourceRoutes } from '../../resource-routes.ts';
import { CreateNetwork, UpdateNetwork } from './bodies.ts';
import { deleteNetwork, updateNetwork } from './change-network.ts';
import { networks } from './collection.ts';
import { createNetwork } from './create-network.ts';

export const networkRoutes = resourceRoutes({
  collection: networks,
  create: { body: CreateNetwork, run: createNetwork },
  update: { body: UpdateNetwork, run: updateNetwork },
  remove: deleteNetwork,
});

import { resourceRoutes } from '../../resource-routes.ts';
import { CreateSubnet, UpdateSubnet } from './bodies.ts';
import { deleteSubnet, updateSubnet } from './change-subnet.ts';
import { subnets } from './collection.ts';
import { createSubnet } from './create-subnet.ts';

export const subnetRoutes = resourceRoutes({
  collection: subnets,
  create: { body: CreateSubnet, run: createSubnet, authorizes: true },
  update: { body: UpdateSubnet, run: updateSubnet },
  remove: deleteSubnet,
});

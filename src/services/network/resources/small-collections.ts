import { notFound } from '../../../lib/errors.ts';
import { route } from '../deps.ts';

/** Collections that are always the same here, which clients ask for all the same. */
export const smallCollectionRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/availability_zones',
    summary: 'List availability zones',
    policy: 'get_availability_zone',
    reply: { status: 200, key: 'availability_zones' },
    handle: () => ['network', 'router'].map((resource) => ({ name: 'nova', resource, state: 'available' })),
  }),
  route({
    method: 'GET',
    path: '/v2.0/service-providers',
    summary: 'List service providers',
    policy: 'get_service_provider',
    reply: { status: 200, key: 'service_providers' },
    handle: () => [],
  }),
  route({
    method: 'GET',
    path: '/v2.0/subnetpools',
    summary: 'List subnet pools',
    policy: 'get_subnetpools',
    reply: { status: 200, key: 'subnetpools' },
    handle: () => [],
  }),
  route({
    method: 'GET',
    path: '/v2.0/subnetpools/:id',
    summary: 'Show a subnet pool',
    policy: 'get_subnetpools',
    reply: { status: 200 },
    handle({ params }) {
      throw notFound(`Subnet pool ${params.id.slice(0, 100)} could not be found.`, { code: 'SubnetPoolNotFound' });
    },
  }),
];

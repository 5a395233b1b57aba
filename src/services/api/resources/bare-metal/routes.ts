import { invalid } from '../../../../lib/errors.ts';
import { HttpError } from '../../../../lib/http/http-error.ts';
import { route } from '../../deps.ts';

const until = '2.35';

/** What a cloud without a bare-metal service answers. */
const noSuchService = (): never => {
  throw new HttpError(501, 'The requested functionality is not supported.');
};

/** The bare-metal service under compute's roof: there is none here, and what changed nodes was always refused. */
export const bareMetalRoutes = [
  route({
    method: 'GET',
    path: '/os-baremetal-nodes',
    until,
    summary: 'List bare-metal nodes',
    policy: 'os_compute_api:os-baremetal-nodes:list',
    reply: { status: 200 },
    handle: noSuchService,
  }),
  route({
    method: 'GET',
    path: '/os-baremetal-nodes/:nodeId',
    until,
    summary: 'Show a bare-metal node',
    policy: 'os_compute_api:os-baremetal-nodes:show',
    reply: { status: 200 },
    handle: noSuchService,
  }),
  ...(
    [
      ['POST', '/os-baremetal-nodes', 'port-create'],
      ['DELETE', '/os-baremetal-nodes/:nodeId', 'node-delete'],
      ['POST', '/os-baremetal-nodes/:nodeId/action', 'port changes'],
    ] as const
  ).map(([method, path, verb]) =>
    route({
      method,
      path,
      until,
      summary: 'Refused: nodes are changed at the bare-metal service',
      policy: 'authenticated',
      body: 'any',
      reply: { status: 400 },
      handle: () => {
        throw invalid(`Command Not supported. Please use the bare-metal service for ${verb}.`);
      },
    }),
  ),
];

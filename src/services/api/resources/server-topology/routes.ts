import type { FittedCell, FittedTopology } from '../../../../domain/numa/guest-topology.ts';
import { route } from '../../deps.ts';
import { noQuery } from '../../queries.ts';
import { findServer, ownerOf } from '../servers/find-server.ts';

const shownCell = ({ cpus, pinnedCpus, memoryMb, hostCell, pinning }: FittedCell, withHost: boolean) => ({
  memory_mb: memoryMb,
  siblings: [], // no guest of ours has threads of one core as its own
  vcpu_set: [...cpus, ...pinnedCpus].toSorted((a, b) => a - b),
  ...(withHost ? { host_node: hostCell, cpu_pinning: pinning } : {}),
});

const shownTopology = (topology: FittedTopology | null, withHost: boolean) => ({
  nodes: (topology?.cells ?? []).map((cell) => shownCell(cell, withHost)),
  pagesize_kb: topology?.cells.find(({ pageSizeKb }) => pageSizeKb !== null)?.pageSizeKb ?? null,
});

/** How servers are laid out on NUMA nodes. Their hosts give that out, so they are asked. */
export const serverTopologyRoutes = [
  route({
    method: 'GET',
    path: '/servers/:serverId/topology',
    since: '2.78',
    summary: 'Show how a server is laid out',
    policy: 'compute:server:topology:index',
    query: noQuery,
    load: findServer,
    target: ownerOf,
    reply: { status: 200 },
    handle: async ({ loaded: { instance }, ctx, deps }) => {
      const withHost = ctx.can('compute:server:topology:host:index', { project_id: instance.projectId, user_id: instance.userId });
      if (instance.host === null) return shownTopology(null, withHost);
      return shownTopology((await deps.agentOn(instance.host).topology({ instanceId: instance.id })).topology, withHost);
    },
  }),
];

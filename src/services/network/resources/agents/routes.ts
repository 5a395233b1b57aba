import { sql, type Selectable } from 'kysely';
import { Type } from 'typebox';
import { versionedBody, type BodyOf } from '../../../../lib/http/versioned-body.ts';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { column, type Collection } from '../../collection.ts';
import { agentNotFound } from '../../neutron-errors.ts';
import { resourceRoutes, type Work } from '../../resource-routes.ts';
import { Anything, Flag, OrNull, Text } from '../../standard-view.ts';
import type { NetworkTables } from '../../store/tables.ts';
import { Description } from '../../texts.ts';

type AgentRow = Selectable<NetworkTables['agents']> & { readonly alive: boolean; readonly revision_number: 0 };

const isAlive = sql<boolean>`(t.heartbeat_timestamp > now() - interval '75 seconds')`;
/** How Neutron writes the times of agents. */
const agentTime = (time: string): string => new Date(time).toISOString().slice(0, 19).replace('T', ' ');

const agents: Collection<AgentRow> = {
  singular: 'agent',
  plural: 'agents',
  table: 'agents',
  taggable: false,
  fields: {
    id: column('id'),
    host: column('host'),
    description: column('description'),
    admin_state_up: column('admin_state_up', 'boolean'),
    alive: { sql: isAlive, kind: 'boolean' },
    agent_type: { sql: sql`'Linux bridge agent'::text`, kind: 'text' },
    binary: { sql: sql`'kilonova-network-agent'::text`, kind: 'text' },
    availability_zone: { sql: sql`'nova'::text`, kind: 'text' },
  },
  extra: () => sql`${isAlive} AS alive, 0 AS revision_number`,
  visible: () => sql`false`,
  view: versionedView<AgentRow>('Agent', {
    id: { type: Text, get: (a) => a.id },
    agent_type: { type: Text, get: () => 'Linux bridge agent' },
    binary: { type: Text, get: () => 'kilonova-network-agent' },
    topic: { type: Text, get: () => 'N/A' },
    host: { type: Text, get: (a) => a.host },
    admin_state_up: { type: Flag, get: (a) => a.admin_state_up },
    alive: { type: Flag, get: (a) => a.alive },
    availability_zone: { type: Text, get: () => 'nova' },
    description: { type: OrNull(Text), get: (a) => a.description },
    created_at: { type: Text, get: (a) => agentTime(a.created_at) },
    started_at: { type: Text, get: (a) => agentTime(a.started_at) },
    heartbeat_timestamp: { type: Text, get: (a) => agentTime(a.heartbeat_timestamp) },
    configurations: { type: Anything, get: (a) => ({ ...a.configurations, problems: a.problems }) },
    resource_versions: { type: Anything, get: () => ({}) },
    resources_synced: { type: OrNull(Flag), get: () => null },
  }),
  target: () => ({}),
  notFound: agentNotFound,
};

const changes = { admin_state_up: { type: Type.Boolean() }, description: { type: Description } } as const;

async function updateAgent({ tx, deps }: Work, agent: AgentRow, body: BodyOf<typeof changes>): Promise<void> {
  await tx
    .updateTable('agents')
    .set({ admin_state_up: body.admin_state_up ?? agent.admin_state_up, description: body.description ?? agent.description })
    .where('id', '=', agent.id)
    .execute();
  deps.placing.nudge();
}

/** Forgets an agent; what it served is served elsewhere. One that still runs becomes known again when it asks. */
async function deleteAgent({ tx, deps, touched }: Work, agent: AgentRow): Promise<void> {
  await tx.deleteFrom('agents').where('id', '=', agent.id).execute();
  for (const { host } of await tx.selectFrom('agents').select('host').execute()) touched.hosts.add(host); // it was a peer of all others
  deps.liveness.forget(agent.host);
  deps.placing.nudge();
}

export const agentRoutes = resourceRoutes({
  collection: agents,
  update: { body: versionedBody('UpdateAgent', changes), run: updateAgent },
  remove: deleteAgent,
});

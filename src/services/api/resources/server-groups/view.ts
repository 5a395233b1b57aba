import Type from 'typebox';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import type { ServerGroup } from '../../../../store/server-groups.ts';

const Text = Type.String();

export const serverGroupView = versionedView<ServerGroup>('ServerGroup', {
  id: { type: Text, get: (group) => group.id },
  name: { type: Text, get: (group) => group.name },
  policies: { until: '2.63', type: Type.Array(Text), get: (group) => [group.policy] },
  metadata: { until: '2.63', type: Type.Object({}), get: () => ({}) }, // never held anything
  policy: { since: '2.64', type: Text, get: (group) => group.policy },
  rules: { since: '2.64', type: Type.Object({ max_server_per_host: Type.Optional(Type.Integer()) }), get: (group) => group.rules },
  members: { type: Type.Array(Text), get: (group) => group.memberIds },
  project_id: { since: '2.13', type: Text, get: (group) => group.projectId },
  user_id: { since: '2.13', type: Text, get: (group) => group.userId },
});

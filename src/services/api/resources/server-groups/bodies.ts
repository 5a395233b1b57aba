import Type from 'typebox';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, digits, versionedQuery } from '../../../../lib/http/query.ts';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import { Name, PositiveInteger } from '../../schemas.ts';

const hard = Type.Enum(['anti-affinity', 'affinity']);
const every = Type.Enum(['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity']);
const justOne = { minItems: 1, maxItems: 1 };

/** `server_group` of `POST /os-server-groups`. */
export const CreateServerGroup = versionedBody('CreateServerGroup', {
  name: { required: true, type: Name },
  policies: [
    { until: '2.14', required: true, type: Type.Array(hard, justOne) },
    { since: '2.15', until: '2.63', required: true, type: Type.Array(every, justOne) },
  ],
  policy: [{ since: '2.64', required: true, type: every }],
  rules: { since: '2.64', type: Type.Object({ max_server_per_host: Type.Optional(PositiveInteger) }, { additionalProperties: false }) },
});

export const ListServerGroups = versionedQuery(
  { all_projects: { type: anyText }, limit: { type: digits }, offset: { type: digits } },
  { refusesUnknownSince: version('2.75') },
);

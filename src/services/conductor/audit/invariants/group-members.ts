import type { Finding, Invariant } from '../invariant.ts';
import { knownInstances } from '../known-instances.ts';
import { mappingGraceMs } from './mappings.ts';

const pageSize = 5000;

export const groupMembers: Invariant = {
  name: 'group-member-exists',
  says: 'A member of a server group for five minutes is a server that exists.',
  async check({ deps }) {
    const { stores } = deps;
    const before = new Date(deps.clock.now() - mappingGraceMs).toISOString();
    const found: Finding[] = [];
    for (let last = '00000000-0000-0000-0000-000000000000', full = true; full;) {
      const page = await stores.api
        .selectFrom('server_group_members')
        .innerJoin('server_groups', 'server_groups.id', 'server_group_members.group_id')
        .select(['instance_id', 'server_groups.uuid', 'server_groups.name'])
        .where('instance_id', '>', last)
        .where('server_group_members.created_at', '<', before)
        .orderBy('instance_id')
        .limit(pageSize)
        .execute();
      const known = await knownInstances(
        stores,
        page.map(({ instance_id }) => instance_id),
      );
      for (const { instance_id: id, uuid, name } of page.filter(
        (member) => known.get(member.instance_id)?.some(({ live }) => live) !== true,
      )) {
        found.push({
          subject: `member ${id}`,
          what: `It is a member of the group ${name} (${uuid}) and does not exist.`,
          repair: 'Remove it from the group.',
          excusedBy: [id],
          mend: async () => void (await stores.api.deleteFrom('server_group_members').where('instance_id', '=', id).execute()),
        });
      }
      full = page.length === pageSize;
      last = page.at(-1)?.instance_id ?? last;
    }
    return found;
  },
};

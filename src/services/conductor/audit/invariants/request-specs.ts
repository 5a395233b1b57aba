import type { Invariant } from '../invariant.ts';

export const requestSpecs: Invariant = {
  name: 'request-has-mapping',
  says: 'A recorded request has a mapping of its server.',
  async check({ deps: { stores } }) {
    const rows = await stores.api
      .selectFrom('request_specs')
      .select('instance_id')
      .where((outer) =>
        outer.not(
          outer.exists(
            outer
              .selectFrom('instance_mappings')
              .select('instance_id')
              .whereRef('instance_mappings.instance_id', '=', 'request_specs.instance_id'),
          ),
        ),
      )
      .execute();
    return rows.map(({ instance_id: id }) => ({
      subject: `request ${id}`,
      what: 'There is no mapping of the server it asks for.',
      repair: 'Remove it.',
      excusedBy: [id],
      mend: async () => void (await stores.api.deleteFrom('request_specs').where('instance_id', '=', id).execute()),
    }));
  },
};

import { sql } from 'kysely';
import type { Executor } from '../../src/lib/sql/database.ts';
import type { Stores } from '../../src/store/stores.ts';
import { cpuRatio, type MadeCloud, type MadeHost } from './made-cloud.ts';

/** Rows one statement takes. */
const atOnce = 2_000;

async function inPages(all: readonly unknown[], write: (page: string) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < all.length; from += atOnce) await write(JSON.stringify(all.slice(from, from + atOnce)));
}

/** Writes a cloud into placement's database, past its API: ten thousand hosts through it would take longer than what is measured. */
export async function fillPlacement<Tables>(database: Executor<Tables>, { hosts, aggregates }: MadeCloud): Promise<void> {
  // what is written is right: neither references are checked nor changes noted, one by one
  await sql`SET session_replication_role = replica`.execute(database);
  const inventory = (host: MadeHost, id: number) => [
    { id, class: 'VCPU', total: host.vcpus, reserved: 0, ratio: cpuRatio },
    { id, class: 'MEMORY_MB', total: host.memoryMb, reserved: 512, ratio: 1 },
    { id, class: 'DISK_GB', total: host.diskGb, reserved: 0, ratio: 1 },
  ];
  const numbered = hosts.map((host, n) => ({ host, id: n + 1 }));
  await inPages(
    numbered.map(({ host, id }) => ({ id, uuid: host.uuid, name: host.name })),
    (page) =>
      sql`
      INSERT INTO resource_providers (id, uuid, name, root_id) OVERRIDING SYSTEM VALUE
      SELECT id, uuid, name, id FROM json_to_recordset(${page}::json) AS r (id bigint, uuid uuid, name text)`.execute(database),
  );
  await sql`SELECT setval(pg_get_serial_sequence('resource_providers', 'id'), ${hosts.length})`.execute(database);
  await inPages(
    numbered.flatMap(({ host, id }) => inventory(host, id)),
    (page) =>
      sql`
      INSERT INTO inventories SELECT id, class, total, reserved, 1, total, 1, ratio
      FROM json_to_recordset(${page}::json) AS r (id bigint, class text, total integer, reserved integer, ratio float8)`.execute(database),
  );
  await inPages(
    numbered.map(({ host, id }) => ({ id, traits: host.traits, aggregates: host.aggregates.map((n) => aggregates[n]!.uuid) })),
    (page) =>
      sql`
      WITH given AS (SELECT * FROM jsonb_to_recordset(${page}::jsonb) AS r (id bigint, traits jsonb, aggregates jsonb)),
      traits AS (INSERT INTO provider_traits SELECT id, jsonb_array_elements_text(traits) FROM given)
      INSERT INTO provider_aggregates SELECT id, jsonb_array_elements_text(aggregates)::uuid FROM given`.execute(database),
  );
  const held = numbered.flatMap(({ host, id }) => host.used.map((used) => ({ id, ...used })));
  await inPages(held, (page) =>
    sql`
      WITH given AS (SELECT * FROM json_to_recordset(${page}::json) AS r (id bigint, consumer uuid, vcpus integer, "memoryMb" integer, "diskGb" integer)),
      made AS (INSERT INTO consumers (uuid, generation, project_id, user_id, type) SELECT consumer, 1, 'p', 'u', 'INSTANCE' FROM given)
      INSERT INTO allocations (consumer, provider_id, resource_class, used)
      SELECT consumer, id, c.class, c.used FROM given, LATERAL (VALUES ('VCPU', vcpus), ('MEMORY_MB', "memoryMb"), ('DISK_GB', "diskGb")) c (class, used)
      WHERE c.used > 0`.execute(database),
  );
  await sql`TRUNCATE provider_changes`.execute(database);
  await sql`ANALYZE`.execute(database);
}

/** Writes hosts and aggregates into the control plane's databases. */
export async function fillControlPlane({ api, defaultCell }: Stores, { hosts, aggregates }: MadeCloud): Promise<void> {
  await inPages(aggregates, (page) =>
    sql`INSERT INTO aggregates (uuid, name, metadata) SELECT uuid, name, metadata FROM json_to_recordset(${page}::json) AS r (uuid uuid, name text, metadata jsonb)`.execute(
      api,
    ),
  );
  const ids = new Map((await api.selectFrom('aggregates').select(['id', 'uuid']).execute()).map(({ id, uuid }) => [uuid, id]));
  await inPages(
    hosts.flatMap(({ name, aggregates: own }) => own.map((n) => ({ id: ids.get(aggregates[n]!.uuid), host: name }))),
    (page) =>
      sql`INSERT INTO aggregate_hosts SELECT id, host FROM json_to_recordset(${page}::json) AS r (id integer, host text)`.execute(api),
  );
  const facts = (host: MadeHost) => ({
    uuid: host.uuid,
    name: host.name,
    hypervisorType: 'QEMU',
    hypervisorVersion: 9_000_000,
    hostIp: '10.0.0.1',
    vcpus: host.vcpus,
    memoryMb: host.memoryMb,
    localGb: host.diskGb,
    vcpusUsed: 0,
    memoryMbUsed: 512,
    localGbUsed: 0,
    diskAvailableLeast: null,
    runningVms: host.used.length,
    cpuInfo: {
      arch: 'x86_64',
      model: 'EPYC',
      vendor: 'AMD',
      features: ['avx', 'avx2', 'sse4.2'],
      topology: { sockets: 2, cores: 16, threads: 2 },
    },
    supportedInstances: [
      ['x86_64', 'kvm', 'hvm'],
      ['x86_64', 'qemu', 'hvm'],
      ['i686', 'qemu', 'hvm'],
    ],
    stats: { failed_builds: 0 },
  });
  await inPages(
    hosts.map((host) => ({ uuid: host.uuid, host: host.name, facts: facts(host) })),
    (page) =>
      sql`INSERT INTO compute_nodes (uuid, host, name, facts) SELECT uuid, host, host, facts FROM json_to_recordset(${page}::json) AS r (uuid uuid, host text, facts jsonb)`.execute(
        defaultCell.database,
      ),
  );
  await inPages(
    hosts.map(({ name }) => ({ host: name })),
    async (page) => {
      await sql`INSERT INTO services (uuid, host, binary_name, topic, version, last_seen_at)
        SELECT gen_random_uuid(), host, 'nova-compute', 'compute', 1, now() + interval '1 day' FROM json_to_recordset(${page}::json) AS r (host text)`.execute(
        defaultCell.database,
      );
      await sql`INSERT INTO host_mappings (host, cell_id) SELECT host, ${defaultCell.id} FROM json_to_recordset(${page}::json) AS r (host text)`.execute(
        api,
      );
    },
  );
  await sql`ANALYZE`.execute(api);
  await sql`ANALYZE`.execute(defaultCell.database);
}

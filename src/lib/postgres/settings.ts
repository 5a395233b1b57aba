import type { Account } from './account.ts';

/** `full`: what was committed survives a power cut. `off`: for tests, whose data no one misses. */
export type Durability = 'full' | 'off';

export interface SettingsInput {
  readonly socketDirectory: string;
  readonly port: number;
  readonly durability: Durability;
  /** Whether /dev/shm is there for everyone, as it is but in some containers. */
  readonly hasSharedMemoryDirectory: boolean;
}

/** The superuser and owner of everything in a private server. */
export const superuser = 'kilonova';

/** postgresql.conf. An operator's own wishes belong in `ALTER SYSTEM SET`, which is read after it. */
export function postgresqlConf({ socketDirectory, port, durability, hasSharedMemoryDirectory }: SettingsInput): string {
  const settings: Record<string, string | number> = {
    // reachable by its own socket only
    listen_addresses: '',
    unix_socket_directories: socketDirectory,
    unix_socket_permissions: '0700',
    port,
    // small: idle, the whole server costs about as much as one shell
    max_connections: 200,
    shared_buffers: '48MB',
    work_mem: '4MB',
    maintenance_work_mem: '32MB',
    effective_cache_size: '512MB',
    huge_pages: 'off', // they belong to guests
    dynamic_shared_memory_type: hasSharedMemoryDirectory ? 'posix' : 'mmap',
    jit: 'off',
    max_worker_processes: 0,
    max_parallel_workers: 0,
    max_parallel_workers_per_gather: 0,
    max_logical_replication_workers: 0,
    max_wal_senders: 0,
    wal_level: 'minimal',
    min_wal_size: '64MB',
    max_wal_size: '512MB',
    autovacuum: 'on',
    autovacuum_max_workers: 2,
    // the same everywhere
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    default_text_search_config: 'pg_catalog.simple',
    // refused statements are answered to whoever made them; the log is for the server itself
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_checkpoints: 'off',
    log_line_prefix: '',
    ...(durability === 'off' ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  };
  return [
    '# Written by Kilonova at every start. Use ALTER SYSTEM SET for wishes of your own.',
    ...Object.entries(settings).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'`),
    '',
  ].join('\n');
}

/** pg_hba.conf: only the operating system's account that started Kilonova, as the kernel says who is calling. */
export const pgHbaConf = (): string => `# Written by Kilonova at every start.\nlocal all ${superuser} peer map=${superuser}\n`;

export const pgIdentConf = (account: Account): string =>
  `# Written by Kilonova at every start.\n${superuser} "${account.client.replaceAll('"', '""')}" ${superuser}\n`;

import { sql, type SqlBool } from 'kysely';
import { forbidden, invalid, isKind } from '../../../../lib/errors.ts';
import { isTruthy } from '../../../../lib/http/query.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { patternRefusal } from '../../../../lib/sql/patiently.ts';
import { listInstances, type InstanceCondition, type InstanceQuery, type InstanceSortColumn } from '../../../../store/instance-lists.ts';
import { findInstance, type LocatedInstance } from '../../../../store/instances.ts';
import type { ApiDeps } from '../../deps.ts';
import { does } from '../../microversions.ts';
import { changesBetween } from '../../moments.ts';
import { pageLimit } from '../../paging.ts';
import { noFilters, type ListServers } from './bodies.ts';
import { statesOf } from './status.ts';

type Query = NonNullable<(typeof ListServers)['value']>;

const isBoolean = (value: string): boolean => /^(true|false|1|0|yes|no|on|off|t|f|y|n)$/i.test(value);

/** What a filter compares, who may use it, and how. `regex` filters are PostgreSQL's, under a timeout; a `flag` that is no boolean is one of them. */
interface Filter {
  readonly column: InstanceSortColumn;
  readonly match: 'exact' | 'regex' | 'boolean' | 'flag';
  /** `all`, or from when on all; administrators may use every filter. */
  readonly for: 'all' | 'admin' | 'allServerFilters' | 'hostnameForAll';
}

const filters: Readonly<Record<string, Filter>> = {
  name: { column: 'name', match: 'regex', for: 'all' },
  display_name: { column: 'name', match: 'regex', for: 'admin' },
  image: { column: 'image_id', match: 'exact', for: 'all' },
  image_ref: { column: 'image_id', match: 'exact', for: 'admin' },
  flavor: { column: 'flavor_id', match: 'exact', for: 'all' },
  reservation_id: { column: 'reservation_id', match: 'regex', for: 'all' },
  locked: { column: 'locked_by', match: 'boolean', for: 'all' },
  availability_zone: { column: 'availability_zone', match: 'regex', for: 'allServerFilters' },
  config_drive: { column: 'config_drive', match: 'flag', for: 'allServerFilters' },
  key_name: { column: 'key_name', match: 'regex', for: 'allServerFilters' },
  created_at: { column: 'created_at', match: 'regex', for: 'allServerFilters' },
  launched_at: { column: 'launched_at', match: 'regex', for: 'allServerFilters' },
  terminated_at: { column: 'terminated_at', match: 'regex', for: 'allServerFilters' },
  power_state: { column: 'power_state', match: 'regex', for: 'allServerFilters' },
  progress: { column: 'progress', match: 'regex', for: 'allServerFilters' },
  vm_state: { column: 'vm_state', match: 'exact', for: 'allServerFilters' },
  task_state: { column: 'task_state', match: 'exact', for: 'allServerFilters' },
  user_id: { column: 'user_id', match: 'exact', for: 'allServerFilters' },
  hostname: { column: 'hostname', match: 'regex', for: 'hostnameForAll' },
  host: { column: 'host', match: 'exact', for: 'admin' },
  uuid: { column: 'uuid', match: 'exact', for: 'admin' },
  node: { column: 'node', match: 'regex', for: 'admin' },
  launch_index: { column: 'launch_index', match: 'regex', for: 'admin' },
  root_device_name: { column: 'root_device_name', match: 'regex', for: 'admin' },
  display_description: { column: 'description', match: 'regex', for: 'admin' },
  locked_by: { column: 'locked_by', match: 'regex', for: 'admin' },
  access_ip_v4: { column: 'access_ip_v4', match: 'regex', for: 'admin' },
  access_ip_v6: { column: 'access_ip_v6', match: 'regex', for: 'admin' },
  kernel_id: { column: 'kernel_id', match: 'regex', for: 'admin' },
  ramdisk_id: { column: 'ramdisk_id', match: 'regex', for: 'admin' },
  auto_disk_config: { column: 'disk_config', match: 'regex', for: 'admin' },
};

/** Sort keys clients use, and the columns behind them. */
const sortColumns: Readonly<Record<string, InstanceSortColumn>> = {
  created_at: 'created_at',
  updated_at: 'updated_at',
  display_name: 'name',
  display_description: 'description',
  uuid: 'uuid',
  project_id: 'project_id',
  user_id: 'user_id',
  vm_state: 'vm_state',
  task_state: 'task_state',
  power_state: 'power_state',
  host: 'host',
  node: 'node',
  availability_zone: 'availability_zone',
  hostname: 'hostname',
  image_ref: 'image_id',
  instance_type_id: 'flavor_id',
  key_name: 'key_name',
  launch_index: 'launch_index',
  launched_at: 'launched_at',
  terminated_at: 'terminated_at',
  locked_by: 'locked_by',
  locked: 'locked_by',
  progress: 'progress',
  root_device_name: 'root_device_name',
  config_drive: 'config_drive',
  access_ip_v4: 'access_ip_v4',
  access_ip_v6: 'access_ip_v6',
  auto_disk_config: 'disk_config',
  kernel_id: 'kernel_id',
  ramdisk_id: 'ramdisk_id',
};
/** Sort keys that never meant anything: taken until 2.74. */
const idleSortKeys: readonly string[] = [
  'architecture',
  'cell_name',
  'cleaned',
  'default_ephemeral_device',
  'default_swap_device',
  'deleted',
  'deleted_at',
  'disable_terminate',
  'ephemeral_gb',
  'ephemeral_key_uuid',
  'id',
  'key_data',
  'launched_on',
  'memory_mb',
  'os_type',
  'reservation_id',
  'root_gb',
  'shutdown_terminate',
  'user_data',
  'vcpus',
  'vm_mode',
];

/** One page of servers. `rule` is the list's own, whose `:get_all_tenants` opens all projects. */
export async function listServers(
  deps: ApiDeps,
  ctx: RequestContext,
  query: Query,
  rule: 'os_compute_api:servers:index' | 'os_compute_api:servers:detail',
): Promise<{ readonly servers: LocatedInstance[]; readonly full: boolean }> {
  const limit = pageLimit(deps, query.limit);
  const conditions: InstanceCondition[] = [];
  const add = (condition: InstanceCondition): void => void conditions.push(condition);
  let patterned = false;
  const allFilters = ctx.can('os_compute_api:servers:allow_all_filters');

  const misnamed = allFilters ? [...new URLSearchParams(ctx.rawQuery).keys()].find((name) => noFilters.test(name)) : undefined;
  if (misnamed !== undefined) throw invalid(`Invalid filter field: ${misnamed.slice(0, 80)}.`);

  const allTenants = allTenantsAsked(query.all_tenants);
  if (allTenants) ctx.authorize(`${rule}:get_all_tenants`);
  const project = allTenants ? (query.project_id ?? query.tenant_id ?? null) : ctx.caller.projectId;
  if (project !== null) add((eb) => eb('project_id', '=', project));

  for (const [name, { column, match, for: who }] of Object.entries(filters)) {
    const value = (query as Readonly<Record<string, unknown>>)[name];
    if (typeof value !== 'string') continue;
    if (!allFilters && who !== 'all' && (who === 'admin' || !does(ctx, who))) continue;
    if (match === 'boolean') {
      if (!isBoolean(value))
        throw invalid(
          `Unrecognized value '${value}', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'`,
        );
      add((eb) => eb(column, isTruthy(value) ? 'is not' : 'is', null));
    } else if (match === 'flag' && isBoolean(value)) {
      add((eb) => eb(column, '=', isTruthy(value) as never));
    } else if (match === 'exact') {
      if (column === 'uuid' && normalizeUuid(value) === null) return { servers: [], full: false };
      add((eb) => eb(column, '=', value as never));
    } else {
      add(regexCondition(name, column, value));
      patterned ||= !isPlain(value);
    }
  }
  patterned ||= query.ip !== undefined || query.ip6 !== undefined;
  if (query.ip !== undefined) add(addressCondition('ip', query.ip));
  if (query.ip6 !== undefined && (allFilters || does(ctx, 'addressSixForAll'))) add(addressCondition('ip6', query.ip6));
  addTagConditions(query, add);

  const statuses = query.status ?? [];
  if (statuses.length > 0) {
    const states = statuses.map((status) => ({ status, states: statesOf(status.toUpperCase()) }));
    if (states.some(({ status }) => status.toUpperCase() === 'DELETED') && !ctx.caller.isAdmin)
      throw forbidden('Only administrators may list deleted instances');
    const unknown = states.find((entry) => entry.states === null);
    if (unknown !== undefined && does(ctx, 'unknownStatusRefused')) throw invalid(`Invalid status value`);
    const known = states.flatMap((entry) => entry.states ?? []);
    if (known.length === 0) return { servers: [], full: false };
    add((eb) =>
      eb.or(
        known.map(({ vmStates, taskStates }) =>
          taskStates === null
            ? eb('vm_state', 'in', vmStates)
            : eb.and([eb('vm_state', 'in', vmStates), eb('task_state', 'in', taskStates)]),
        ),
      ),
    );
  }

  const { since, before } = changesBetween(query);
  if (since !== null) add((eb) => eb('updated_at', '>=', since));
  if (before !== null) add((eb) => eb('updated_at', '<=', before));

  const wantsDeleted = statuses.some((status) => status.toUpperCase() === 'DELETED') || (allFilters && isTruthy(query.deleted));
  // those deleted for a time are among the deleted ones only, unless an administrator asks for them
  const wantsSoftDeleted = wantsDeleted || since !== null || before !== null || (allFilters && isTruthy(query.soft_deleted));
  if (!wantsSoftDeleted) add((eb) => eb('vm_state', '!=', 'soft-delete'));
  const page: InstanceQuery = {
    conditions,
    deleted: since !== null || before !== null ? 'yes' : wantsDeleted ? 'only' : 'no',
    sort: sortOf(ctx, query),
    limit: Math.max(limit, 1),
    after: query.marker ?? null,
    patterned,
  };
  if (limit === 0) return { servers: [], full: false };
  const unknownMarker = () => invalid(`marker [${query.marker ?? ''}] not found`);
  if (query.marker !== undefined) {
    const marker = normalizeUuid(query.marker);
    const last = marker === null ? null : await findInstance(deps.stores, marker, { deleted: true });
    if (last === null || (last.instance.projectId !== ctx.caller.projectId && !ctx.caller.isAdmin)) throw unknownMarker();
  }
  try {
    const servers = await listInstances(deps.stores, page);
    return { servers, full: servers.length === limit };
  } catch (error) {
    if (isKind(error, 'notFound')) throw unknownMarker();
    throw patternRefusal(error) ?? error;
  }
}

function allTenantsAsked(value: string | undefined): boolean {
  if (value === undefined) return false;
  if (value === '' || /^(true|1|t|on|yes|y)$/i.test(value)) return true;
  if (/^(false|0|f|off|no|n)$/i.test(value)) return false;
  throw invalid(
    `Unrecognized value '${value}', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'`,
  );
}

const isPlain = (pattern: string): boolean => /^[\w -]+$/.test(pattern);

/** A pattern is anchored nowhere. Its length is bounded and so is the time it is given: nested repetition can keep even PostgreSQL's automaton busy for ever. Plain text needs none. */
function regexCondition(name: string, column: InstanceSortColumn, pattern: string): InstanceCondition {
  if (pattern === '' || pattern.length > 255)
    throw invalid(`Invalid input for query parameters ${name}. Value: ${pattern.slice(0, 80)}. '${pattern.slice(0, 80)}' is not a 'regex'`);
  if (isPlain(pattern)) return () => sql<SqlBool>`strpos(${sql.ref(column)}::text, ${pattern}) > 0` as never;
  return () => sql<SqlBool>`${sql.ref(column)}::text ~ ${pattern}` as never;
}

function addressCondition(name: string, pattern: string): InstanceCondition {
  if (pattern === '' || pattern.length > 255)
    throw invalid(`Invalid input for query parameters ${name}. Value: ${pattern.slice(0, 80)}. '' is not a 'regex'`);
  return () =>
    sql<SqlBool>`vm_state <> 'building' AND EXISTS (SELECT FROM unnest(addresses) AS address WHERE address ~ ${pattern})` as never;
}

function addTagConditions(query: Query, add: (condition: InstanceCondition) => void): void {
  const tagsOf = (value: string | undefined): string[] | null => (value === undefined ? null : value.split(','));
  const [all, any, notAll, notAny] = [
    tagsOf(query.tags),
    tagsOf(query['tags-any']),
    tagsOf(query['not-tags']),
    tagsOf(query['not-tags-any']),
  ];
  if (all !== null) add(() => sql<SqlBool>`tags @> ${all}` as never);
  if (any !== null) add(() => sql<SqlBool>`tags && ${any}` as never);
  if (notAll !== null) add(() => sql<SqlBool>`NOT tags @> ${notAll}` as never);
  if (notAny !== null) add(() => sql<SqlBool>`NOT tags && ${notAny}` as never);
}

function sortOf(ctx: RequestContext, query: Query): InstanceQuery['sort'] {
  const keys = query.sort_key ?? [];
  const directions = query.sort_dir ?? [];
  if (directions.length > Math.max(keys.length, 1)) throw invalid('Sort direction size exceeds sort key size');
  const bad = directions.find((direction) => direction !== 'asc' && direction !== 'desc');
  if (bad !== undefined) throw invalid(`Unknown sort direction, must be 'asc' or 'desc'`);
  const first = (directions[0] ?? 'desc') as 'asc' | 'desc';
  const sort = keys.flatMap((key, index) => {
    if ((key === 'host' || key === 'node') && !ctx.caller.isAdmin) throw forbidden(`Sort key '${key}' is for administrators only.`);
    const column = Object.hasOwn(sortColumns, key) && (key !== 'locked' || does(ctx, 'lockedWithReason')) ? sortColumns[key] : undefined;
    const isIdle = key === 'locked' || (idleSortKeys.includes(key) && !does(ctx, 'unknownSortKeysRefused'));
    if (column === undefined && !isIdle)
      throw invalid(
        `Invalid input for query parameters sort_key. Value: ${key.slice(0, 80)}. '${key.slice(0, 80)}' is not one of the keys servers can be sorted by`,
      );
    return column === undefined ? [] : [{ column, direction: (directions[index] ?? first) as 'asc' | 'desc' }];
  });
  return sort.length > 0 ? sort : [{ column: 'created_at', direction: first }];
}

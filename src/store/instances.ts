import { sql, type Selectable, type SqlBool } from 'kysely';
import { instanceNotFound, wrongState } from '../domain/faults.ts';
import { instanceActions, reasonAgainst, type ActionName } from '../domain/instance-actions.ts';
import type { Instance, InstanceId, PowerState, TaskState, VmState } from '../domain/instance.ts';
import { internal } from '../lib/errors.ts';
import type { Executor } from '../lib/sql/database.ts';
import type { CellDatabase, Stores } from './stores.ts';
import type { CellTables, InstanceRow } from './tables.ts';

/** An instance with the cell it is in. */
export interface LocatedInstance {
  readonly instance: Instance;
  readonly cellId: string;
}

export type NewInstance = Omit<Instance, 'rowId' | 'createdAt' | 'updatedAt' | 'epoch' | 'progress'>;

/** The row of an instance, as an instance. */
export function toInstance(row: Selectable<InstanceRow>, inCell0 = false): Instance {
  return {
    id: row.uuid as InstanceId,
    rowId: inCell0 ? null : row.id,
    projectId: row.project_id,
    userId: row.user_id,
    name: row.name,
    description: row.description,
    hostname: row.hostname,
    vmState: row.vm_state as VmState,
    taskState: row.task_state as TaskState | null,
    powerState: row.power_state as PowerState,
    host: row.host,
    node: row.node,
    availabilityZone: row.availability_zone,
    launchedOn: row.launched_on,
    flavor: row.flavor,
    oldFlavor: row.old_flavor,
    newFlavor: row.new_flavor,
    image: row.image,
    metadata: row.metadata,
    systemMetadata: row.system_metadata,
    tags: row.tags,
    keyName: row.key_name,
    publicKey: row.public_key,
    userData: row.user_data,
    ...(row.files.length === 0 ? {} : { files: row.files }),
    configDrive: row.config_drive,
    diskConfig: row.disk_config as Instance['diskConfig'],
    lockedBy: row.locked_by as Instance['lockedBy'],
    lockedReason: row.locked_reason,
    accessIpV4: row.access_ip_v4,
    accessIpV6: row.access_ip_v6,
    launchIndex: row.launch_index,
    reservationId: row.reservation_id,
    rootDeviceName: row.root_device_name,
    networkInfo: row.network_info,
    blockDevices: row.block_devices,
    securityGroups: row.security_groups,
    fault: row.fault,
    schedulerHints: row.scheduler_hints,
    trustedCerts: row.trusted_certs,
    epoch: row.epoch,
    progress: row.progress,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    launchedAt: row.launched_at,
    terminatedAt: row.terminated_at,
    deletedAt: row.deleted_at,
  };
}

/** What may be changed of an instance by `updateInstance`; its states change by the functions below only. */
export type InstanceChanges = Partial<
  Omit<Instance, 'id' | 'rowId' | 'vmState' | 'taskState' | 'projectId' | 'userId' | 'createdAt' | 'updatedAt' | 'epoch'>
>;

/** The columns that hold these properties. */
function toColumns(changes: Partial<Instance>) {
  const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
  const c = changes;
  const columns = {
    name: c.name,
    description: c.description,
    hostname: c.hostname,
    vm_state: c.vmState,
    task_state: c.taskState,
    power_state: c.powerState,
    host: c.host,
    node: c.node,
    availability_zone: c.availabilityZone,
    launched_on: c.launchedOn,
    flavor: c.flavor && json(c.flavor),
    flavor_id: c.flavor?.flavorId,
    vcpus: c.flavor?.vcpus,
    memory_mb: c.flavor?.memoryMb,
    root_gb: c.flavor?.rootGb,
    ephemeral_gb: c.flavor?.ephemeralGb,
    old_flavor: c.oldFlavor === undefined ? undefined : json(c.oldFlavor),
    new_flavor: c.newFlavor === undefined ? undefined : json(c.newFlavor),
    image: c.image === undefined ? undefined : json(c.image),
    image_id: c.image === undefined ? undefined : (c.image?.id ?? null),
    metadata: c.metadata && json(c.metadata),
    system_metadata: c.systemMetadata && json(c.systemMetadata),
    tags: c.tags && [...c.tags],
    key_name: c.keyName,
    public_key: c.publicKey === undefined ? undefined : json(c.publicKey),
    user_data: c.userData,
    files: c.files && json(c.files),
    config_drive: c.configDrive,
    disk_config: c.diskConfig,
    locked_by: c.lockedBy,
    locked_reason: c.lockedReason,
    access_ip_v4: c.accessIpV4,
    access_ip_v6: c.accessIpV6,
    launch_index: c.launchIndex,
    reservation_id: c.reservationId,
    root_device_name: c.rootDeviceName,
    network_info: c.networkInfo && json(c.networkInfo),
    addresses:
      c.networkInfo && c.networkInfo.flatMap((vif) => vif.subnets.flatMap((subnet) => subnet.addresses.map(({ address }) => address))),
    block_devices: c.blockDevices && json(c.blockDevices),
    security_groups: c.securityGroups && [...c.securityGroups],
    fault: c.fault === undefined ? undefined : json(c.fault),
    scheduler_hints: c.schedulerHints && json(c.schedulerHints),
    trusted_certs: c.trustedCerts === undefined ? undefined : json(c.trustedCerts),
    progress: c.progress,
    launched_at: c.launchedAt,
    terminated_at: c.terminatedAt,
    deleted_at: c.deletedAt,
  };
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)) as Partial<
    Record<keyof InstanceRow, never>
  >;
}

/** Adds instances in one statement. */
export async function insertInstances(tx: Executor<CellTables>, instances: readonly NewInstance[]): Promise<Instance[]> {
  const rows = instances.map((instance) => ({
    ...toColumns(instance),
    uuid: instance.id,
    project_id: instance.projectId,
    user_id: instance.userId,
  }));
  const inserted = await tx
    .insertInto('instances')
    .values(rows as never)
    .returningAll()
    .execute();
  return inserted.map((row) => toInstance(row));
}

/** The instance wherever it is, or null; deleted ones only when asked for. */
export async function findInstance(
  stores: Stores,
  id: string,
  options: { readonly deleted?: boolean } = {},
): Promise<LocatedInstance | null> {
  // an instance changes its cell once in its life: while it does, its mapping names the new cell and its row is still in cell0
  for (let round = 0; round < 2; round++) {
    const mapping = await stores.api.selectFrom('instance_mappings').select('cell_id').where('instance_id', '=', id).executeTakeFirst();
    if (mapping === undefined) return null;
    for (const cellId of new Set([mapping.cell_id, stores.cell0.id])) {
      const row = await stores.cell(cellId).selectFrom('instances').selectAll().where('uuid', '=', id).executeTakeFirst();
      if (row === undefined) continue;
      if (row.deleted_at !== null && options.deleted !== true) return null;
      return { instance: toInstance(row, cellId === stores.cell0.id), cellId };
    }
  }
  return null;
}

/** Several at once, by id: a statement for where they are, and one for each cell they are in. */
export async function findInstances(stores: Stores, ids: readonly string[]): Promise<ReadonlyMap<string, LocatedInstance>> {
  if (ids.length === 0) return new Map();
  const mappings = await stores.api
    .selectFrom('instance_mappings')
    .select(['instance_id', 'cell_id'])
    .where(sql<boolean>`instance_id = ANY(${ids}::uuid[])`)
    .execute();
  const found = new Map<string, LocatedInstance | null>(mappings.map(({ instance_id: id }) => [id, null]));
  for (const [cellId, within] of Map.groupBy(mappings, ({ cell_id: cell }) => cell)) {
    const rows = await stores
      .cell(cellId)
      .selectFrom('instances')
      .selectAll()
      .where(sql<boolean>`uuid = ANY(${within.map(({ instance_id: id }) => id)}::uuid[])`)
      .execute();
    for (const row of rows)
      if (row.deleted_at === null) found.set(row.uuid, { instance: toInstance(row, cellId === stores.cell0.id), cellId });
      else found.delete(row.uuid);
  }
  for (const [id, located] of found) {
    const moving = located ?? (await findInstance(stores, id)); // few are between two cells
    if (moving === null) found.delete(id);
    else found.set(id, moving);
  }
  return found as ReadonlyMap<string, LocatedInstance>;
}

export async function getInstance(stores: Stores, id: string): Promise<LocatedInstance> {
  const found = await findInstance(stores, id);
  if (found === null) throw instanceNotFound(id);
  return found;
}

/**
 * Does something in the cell of an instance. One that has moved to another cell since it was looked for, as it does when it is placed, is looked
 * for again. Null when it is gone.
 */
export async function inItsCell<T>(
  stores: Stores,
  { instance, cellId }: LocatedInstance,
  work: (database: CellDatabase, cellId: string) => Promise<T | null>,
): Promise<T | null> {
  const done = await work(stores.cell(cellId), cellId);
  if (done !== null) return done;
  const found = await findInstance(stores, instance.id);
  return found === null || found.cellId === cellId ? null : work(stores.cell(found.cellId), found.cellId);
}

/** Changes properties that are not states. Answers the instance as it is then, or null when it is gone. */
export async function updateInstance(tx: Executor<CellTables>, id: string, changes: InstanceChanges): Promise<Instance | null> {
  const row = await tx
    .updateTable('instances')
    .set({ ...toColumns(changes), updated_at: new Date() } as never)
    .where('uuid', '=', id)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : toInstance(row);
}

/** Changes properties that depend on what they are now: nobody changes the instance meanwhile. `change` may refuse. Null when it is gone. */
export async function changeInstance(
  database: CellDatabase,
  id: string,
  change: (now: Instance) => InstanceChanges,
): Promise<Instance | null> {
  return database.transaction().execute(async (tx) => {
    const row = await tx
      .selectFrom('instances')
      .selectAll()
      .where('uuid', '=', id)
      .where('deleted_at', 'is', null)
      .forUpdate()
      .executeTakeFirst();
    return row === undefined ? null : updateInstance(tx, id, change(toInstance(row)));
  });
}

/**
 * Begins an action: judges the state by the table and sets the task state in one compare-and-swap. Throws 409 with the reason when
 * the state does not allow it, also when another request was faster. Answers the instance with its new epoch, which grows only for
 * an action that has a task state: those without one are done beside each other, and none may make a host refuse the others.
 */
export async function beginAction(
  tx: Executor<CellTables>,
  name: ActionName,
  instance: Instance,
  task: TaskState | null = instanceActions[name].task,
): Promise<Instance> {
  const refuse = (now: Instance): never => {
    throw wrongState(
      instanceActions[name].recordedAs,
      now.id,
      reasonAgainst(name, now) ?? `while it is in task_state ${String(now.taskState)}`,
    );
  };
  if (reasonAgainst(name, instance) !== null) return refuse(instance);
  const row = await tx
    .updateTable('instances')
    .set((eb) => ({ updated_at: new Date(), ...(task === null ? {} : { task_state: task, epoch: eb('epoch', '+', 1) }) }))
    .where('uuid', '=', instance.id)
    .where('deleted_at', 'is', null)
    .where('vm_state', '=', instance.vmState)
    .where('task_state', instance.taskState === null ? 'is' : '=', instance.taskState)
    .returningAll()
    .executeTakeFirst();
  if (row !== undefined) return toInstance(row);
  const now = await tx
    .selectFrom('instances')
    .selectAll()
    .where('uuid', '=', instance.id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (now === undefined) throw instanceNotFound(instance.id);
  // it has gone on meanwhile, such as a build to its next task: what may be done now is judged anew
  return beginAction(tx, name, toInstance(now), task);
}

/** The states an instance is expected to be in, and those it goes to. */
export interface Transition {
  /** Task states from which this transition is taken; any, when left out. */
  readonly whileTask?: readonly (TaskState | null)[];
  readonly whileVm?: readonly VmState[];
  readonly vmState?: VmState;
  readonly taskState?: TaskState | null;
  /** Begins anew what was cut off: hosts refuse whatever was sent before from then on. */
  readonly raisesEpoch?: boolean;
}

/** Moves an instance to other states, by compare-and-swap; null when it is no longer in the expected ones. */
export async function transition(
  tx: Executor<CellTables>,
  id: string,
  step: Transition,
  changes: InstanceChanges = {},
): Promise<Instance | null> {
  const row = await tx
    .updateTable('instances')
    .set({
      ...toColumns({
        ...changes,
        ...(step.vmState === undefined ? {} : { vmState: step.vmState }),
        ...(step.taskState === undefined ? {} : { taskState: step.taskState }),
      }),
      updated_at: new Date(),
      ...(step.raisesEpoch === true ? { epoch: sql`epoch + 1` } : {}),
    } as never)
    .where('uuid', '=', id)
    .where('deleted_at', 'is', null)
    .$if(step.whileVm !== undefined, (query) => query.where('vm_state', 'in', step.whileVm!))
    .$if(step.whileTask !== undefined, (query) =>
      query.where((eb) => {
        const named = step.whileTask!.filter((task) => task !== null);
        return eb.or([
          ...(named.length > 0 ? [eb('task_state', 'in', named)] : []),
          ...(step.whileTask!.includes(null) ? [eb('task_state', 'is', null)] : []),
        ]);
      }),
    )
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? null : toInstance(row);
}

/** Marks an instance deleted; what it used is free from then on. Succeeds when it already is. */
export async function markDeleted(tx: Executor<CellTables>, id: string): Promise<void> {
  await tx
    .updateTable('instances')
    .set({
      vm_state: 'deleted',
      task_state: null,
      power_state: 0,
      deleted_at: new Date(),
      terminated_at: new Date(),
      updated_at: new Date(),
      host: null,
      node: null,
      network_info: '[]',
      addresses: [],
    })
    .where('uuid', '=', id)
    .where('deleted_at', 'is', null)
    .execute();
}

/** A condition on instances, in SQL. */
/** The live instances of a host. */
export async function instancesOnHost(database: CellDatabase, host: string): Promise<Instance[]> {
  const rows = await database.selectFrom('instances').selectAll().where('host', '=', host).where('deleted_at', 'is', null).execute();
  return rows.map((row) => toInstance(row));
}

/** The live instances of a cell that are in this state. */
export async function instancesInState(database: CellDatabase, vmState: VmState): Promise<Instance[]> {
  const rows = await database.selectFrom('instances').selectAll().where('vm_state', '=', vmState).where('deleted_at', 'is', null).execute();
  return rows.map((row) => toInstance(row));
}

/** The instance behind an address of a port, where the metadata service knows only that. */
export async function findByAddress(stores: Stores, address: string): Promise<Instance[]> {
  const pages = await Promise.all(
    stores.cells().map(({ database }) =>
      database
        .selectFrom('instances')
        .selectAll()
        .where('deleted_at', 'is', null)
        .where(sql<SqlBool>`addresses @> ARRAY[${address}]`)
        .execute(),
    ),
  );
  return pages.flat().map((row) => toInstance(row));
}

/** Fails loudly where an instance must be in a cell. */
export function rowIdOf(instance: Instance): number {
  if (instance.rowId === null) throw internal(`Instance ${instance.id} is in no cell yet.`);
  return instance.rowId;
}

import { readFileSync } from 'node:fs';
import type { Settings } from '../../config/index.ts';
import type { ComputeAgent } from '../../contracts/compute.ts';
import type { Instance } from '../../domain/instance.ts';
import type { InstanceMetadata } from '../../domain/metadata/instance-metadata.ts';
import { metadataOf } from '../../domain/metadata/metadata-of.ts';
import { hasTaggedDevices, type PlacedDevice } from '../../domain/metadata/tagged-devices.ts';
import { passwordPieces, storedPassword } from '../../domain/metadata/stored-password.ts';
import { conflict, invalid, notFound } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { findByAddress, findInstance, getInstance, toInstance, updateInstance } from '../../store/instances.ts';
import type { Stores } from '../../store/stores.ts';
import type { MetadataSource } from './metadata-source.ts';

/** Reads instances from the control plane's own databases. */
export function storeMetadataSource({
  stores,
  settings,
  agentOn,
  log,
}: {
  readonly stores: Stores;
  readonly settings: Pick<Settings, 'api'>;
  readonly agentOn: (host: string) => Pick<ComputeAgent, 'placedDevices'>;
  readonly log: Log;
}): MetadataSource {
  const vendorData = readVendorData(settings.api.vendordata_jsonfile_path);
  // the administrator's password is never among what the service knows
  const describe = async (instance: Instance): Promise<InstanceMetadata> =>
    metadataOf(instance, {
      domain: settings.api.dhcp_domain,
      vendorData,
      adminPass: null,
      password: storedPassword(instance.systemMetadata),
      placed: await placesOf(instance),
    });
  /** Only its host knows them; without a quick answer the guest learns its tags without them. */
  async function placesOf(instance: Instance): Promise<readonly PlacedDevice[]> {
    if (instance.host === null || !hasTaggedDevices(instance)) return [];
    try {
      return (await agentOn(instance.host).placedDevices({ instanceId: instance.id }, { timeoutMs: 5000 })).devices;
    } catch (error) {
      log.warn({ instanceId: instance.id, host: instance.host, err: error }, 'a host does not say where the devices of its guest are');
      return [];
    }
  }
  return {
    async byInstanceId(instanceId) {
      const found = await findInstance(stores, instanceId);
      return found === null ? null : describe(found.instance);
    },
    async byAddress(address) {
      const [instance, ...others] = await findByAddress(stores, address);
      // networks may overlap: an address that two instances have tells nobody who asks
      return instance === undefined || others.length > 0 ? null : describe(instance);
    },
    async savePassword(instanceId, password) {
      const { cellId } = await getInstance(stores, instanceId);
      await stores
        .cell(cellId)
        .transaction()
        .execute(async (tx) => {
          const row = await tx
            .selectFrom('instances')
            .selectAll()
            .where('uuid', '=', instanceId)
            .where('deleted_at', 'is', null)
            .forUpdate()
            .executeTakeFirst();
          if (row === undefined) throw notFound(`Instance ${instanceId} could not be found.`);
          const { systemMetadata } = toInstance(row);
          if (storedPassword(systemMetadata) !== '') throw conflict('There is a password already.');
          await updateInstance(tx, instanceId, { systemMetadata: { ...systemMetadata, ...passwordPieces(password) } });
        });
    },
  };
}

/** Read once, so that a file that cannot be read stops the service at its start and not its guests later. */
function readVendorData(path: string | null): Readonly<Record<string, unknown>> {
  if (path === null) return {};
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw invalid(`[api] vendordata_jsonfile_path: ${path} cannot be read as JSON.`, { cause: error });
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read))
    throw invalid(`[api] vendordata_jsonfile_path: ${path} must hold a JSON object.`);
  return { ...read };
}

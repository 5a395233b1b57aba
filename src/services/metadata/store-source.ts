import { staticVendorData, type Settings } from '../../config/index.ts';
import type { Instance } from '../../domain/instance.ts';
import type { InstanceMetadata } from '../../domain/metadata/instance-metadata.ts';
import { metadataOf } from '../../domain/metadata/metadata-of.ts';
import { passwordPieces, storedPassword } from '../../domain/metadata/stored-password.ts';
import { conflict } from '../../lib/errors.ts';
import { findByAddress, findInstance, getInstance, updateInstance } from '../../store/instances.ts';
import type { Stores } from '../../store/stores.ts';
import type { MetadataSource } from './metadata-source.ts';

/** Finds instances in the store of the control plane. */
export function storeMetadataSource({ stores, settings }: { readonly stores: Stores; readonly settings: Settings }): MetadataSource {
  const vendorData = staticVendorData(settings);
  const describe = (instance: Instance): InstanceMetadata =>
    metadataOf(instance, { domain: settings.api.dhcp_domain, vendorData, adminPass: null, password: storedPassword(instance.systemMetadata) });
  return {
    async byInstanceId(instanceId) {
      const found = await findInstance(stores, instanceId);
      return found === null ? null : describe(found.instance);
    },
    async byAddress(address) {
      const [instance, ...others] = await findByAddress(stores, address);
      // networks of tenants may overlap: an address that two have tells nobody apart
      return instance === undefined || others.length > 0 ? null : describe(instance);
    },
    async savePassword(instanceId, password) {
      const { instance, cellId } = await getInstance(stores, instanceId);
      if (storedPassword(instance.systemMetadata) !== '') throw conflict('The instance has a password already.');
      await updateInstance(stores.cell(cellId), instance.id, { systemMetadata: { ...instance.systemMetadata, ...passwordPieces(password) } });
    },
  };
}

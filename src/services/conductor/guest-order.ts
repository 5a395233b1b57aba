import { staticVendorData, type Settings } from '../../config/index.ts';
import type { GuestOrder } from '../../domain/guest-order.ts';
import { guestName, type Instance } from '../../domain/instance.ts';
import { metadataOf } from '../../domain/metadata/metadata-of.ts';

/** An instance without an image keeps here what its root volume says of the image it was made from. */
const kept = 'image_';
const imagePropertiesOf = (systemMetadata: Instance['systemMetadata']): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(systemMetadata).flatMap(([key, value]) => (key.startsWith(kept) ? [[key.slice(kept.length), value]] : [])),
  );

/** Everything a host needs to make this guest. */
export function guestOrder(settings: Settings, instance: Instance, extra: { readonly adminPass?: string | null } = {}): GuestOrder {
  return {
    instanceId: instance.id,
    name: guestName(settings.DEFAULT.instance_name_template, instance),
    node: instance.node ?? '',
    projectId: instance.projectId,
    userId: instance.userId,
    projectName: null,
    userName: null,
    displayName: instance.name,
    hostname: instance.hostname,
    flavor: instance.flavor,
    image: instance.image,
    imageProperties: instance.image?.properties ?? imagePropertiesOf(instance.systemMetadata),
    blockDevices: instance.blockDevices,
    networkInfo: instance.networkInfo,
    configDrive: instance.configDrive || settings.DEFAULT.force_config_drive,
    metadata: metadataOf(instance, {
      domain: settings.api.dhcp_domain,
      vendorData: staticVendorData(settings),
      adminPass: extra.adminPass ?? null,
      password: '',
    }),
    createdAt: instance.createdAt,
  };
}

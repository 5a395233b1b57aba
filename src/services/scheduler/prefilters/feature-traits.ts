import { flagOf, wishOf } from '../../../domain/numa/wishes.ts';
import { rootTraits, type Prefilter } from './prefilter.ts';

const valueOf = (...parts: Parameters<typeof wishOf>): string | null => {
  const { flavor, image } = wishOf(...parts);
  return flavor ?? image;
};

/** A compute service that is disabled has the trait, so its host is not even a candidate. */
export const computeStatus: Prefilter = {
  name: 'compute_status_filter',
  apply(_, { rootForbidden }) {
    rootForbidden.add('COMPUTE_STATUS_DISABLED');
    return null;
  },
};

export const accelerators = rootTraits('accelerators_filter', ({ spec }) =>
  spec.flavor.extraSpecs['accel:device_profile'] === undefined ? [] : ['COMPUTE_ACCELERATORS'],
);

export const packedVirtqueue = rootTraits('packed_virtqueue_filter', ({ spec }) =>
  flagOf(spec, 'virtio_packed_ring') ? ['COMPUTE_NET_VIRTIO_PACKED'] : [],
);

export const remoteManagedPorts = rootTraits('remote_managed_ports_filter', ({ spec }) =>
  spec.remoteManagedPorts === true ? ['COMPUTE_REMOTE_MANAGED_PORTS'] : [],
);

const encryptionFormats: Readonly<Record<string, string>> = {
  luks: 'COMPUTE_EPHEMERAL_ENCRYPTION_LUKS',
  luksv2: 'COMPUTE_EPHEMERAL_ENCRYPTION_LUKSV2',
  plain: 'COMPUTE_EPHEMERAL_ENCRYPTION_PLAIN',
};
export const ephemeralEncryption = rootTraits('ephemeral_encryption_filter', ({ spec }) => {
  if (!flagOf(spec, 'ephemeral_encryption')) return [];
  const format = encryptionFormats[valueOf(spec, 'ephemeral_encryption_format')?.toLowerCase() ?? ''];
  return ['COMPUTE_EPHEMERAL_ENCRYPTION', ...(format === undefined ? [] : [format])];
});

export const virtioSound = rootTraits('virtio_sound_filter', ({ spec }) =>
  valueOf(spec, 'sound_model')?.toLowerCase() === 'virtio' ? ['COMPUTE_SOUND_MODEL_VIRTIO'] : [],
);

const tpmSecrets: Readonly<Record<string, string>> = {
  user: 'COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER',
  host: 'COMPUTE_SECURITY_TPM_SECRET_SECURITY_HOST',
  deployment: 'COMPUTE_SECURITY_TPM_SECRET_SECURITY_DEPLOYMENT',
};
export const tpmSecretSecurity = rootTraits('tpm_secret_security_filter', ({ spec }) => {
  if (valueOf(spec, 'tpm_version') === null) return [];
  const trait = tpmSecrets[valueOf(spec, 'tpm_secret_security')?.toLowerCase() ?? 'user'];
  return trait === undefined ? [] : [trait];
});

/** Every compute service of this cloud marks what it reports as its own: what others keep in placement is no host for servers. */
export const ownerNova = rootTraits('owner_nova_filter', () => ['OWNER_NOVA']);

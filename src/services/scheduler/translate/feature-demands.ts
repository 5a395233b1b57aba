import { flagOf, isYes, wishOf, type Wishes } from '../../../domain/numa/wishes.ts';
import { numaPolicyOf } from '../../../domain/pci/pci-aliases.ts';
import type { DraftGroup } from './extra-spec-groups.ts';

/** A feature of flavor or image that only some hosts have: what it adds to the request, in Nova's order. */
type FeatureDemand = (wishes: Wishes, group: DraftGroup) => void;

const valueOf = (wishes: Wishes, name: string): string | null => {
  const { flavor, image } = wishOf(wishes, name);
  return flavor ?? image;
};
/** The same where the flavor's key has another scope than `hw:`. */
const osValueOf = ({ flavor, image }: Wishes, name: string): string | null =>
  flavor.extraSpecs[`os:${name}`] ?? image?.properties[`os_${name}`] ?? null;

const encryptionTraits: Readonly<Record<string, string>> = {
  'amd-sev': 'HW_CPU_X86_AMD_SEV',
  'amd-sev-es': 'HW_CPU_X86_AMD_SEV_ES',
  'amd-sev-snp': 'HW_CPU_X86_AMD_SEV_SNP',
};
const tpmVersions: Readonly<Record<string, string>> = { '1.2': 'COMPUTE_SECURITY_TPM_1_2', '2.0': 'COMPUTE_SECURITY_TPM_2_0' };
const tpmModels: Readonly<Record<string, string>> = { 'tpm-tis': 'COMPUTE_SECURITY_TPM_TIS', 'tpm-crb': 'COMPUTE_SECURITY_TPM_CRB' };
const addressModes: Readonly<Record<string, string>> = {
  passthrough: 'COMPUTE_ADDRESS_SPACE_PASSTHROUGH',
  emulate: 'COMPUTE_ADDRESS_SPACE_EMULATED',
};

const encryptedMemory: FeatureDemand = (wishes, { resources, required }) => {
  if (!flagOf(wishes, 'mem_encryption')) return;
  resources.set('MEM_ENCRYPTION_CONTEXT', 1);
  required.add(encryptionTraits[valueOf(wishes, 'mem_encryption_model') ?? 'amd-sev'] ?? 'HW_CPU_X86_AMD_SEV');
};

const persistentMemory: FeatureDemand = ({ flavor }, { resources }) => {
  for (const label of (flavor.extraSpecs['hw:pmem'] ?? '').split(',').map((part) => part.trim())) {
    if (label === '') continue;
    const name = `CUSTOM_PMEM_NAMESPACE_${label.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
    resources.set(name, (resources.get(name) ?? 0) + 1);
  }
};

const trustedPlatformModule: FeatureDemand = (wishes, { required }) => {
  const version = tpmVersions[valueOf(wishes, 'tpm_version') ?? ''];
  if (version === undefined) return;
  required.add(version);
  required.add(tpmModels[valueOf(wishes, 'tpm_model') ?? 'tpm-tis'] ?? 'COMPUTE_SECURITY_TPM_TIS');
};

const secureBoot: FeatureDemand = (wishes, { required }) => {
  if (osValueOf(wishes, 'secure_boot') === 'required') required.add('COMPUTE_SECURITY_UEFI_SECURE_BOOT');
};

const statelessFirmware: FeatureDemand = ({ image }, { required }) => {
  const properties = image?.properties ?? {};
  if (isYes(properties['hw_firmware_stateless']) && properties['hw_firmware_type'] === 'uefi')
    required.add('COMPUTE_SECURITY_STATELESS_FIRMWARE');
};

const addressSpace: FeatureDemand = (wishes, { required }) => {
  const trait = addressModes[valueOf(wishes, 'maxphysaddr_mode') ?? ''];
  if (trait !== undefined) required.add(trait);
};

const devicesInTheSocket: FeatureDemand = (wishes, { required }) => {
  if (numaPolicyOf(wishes) === 'socket') required.add('COMPUTE_SOCKET_PCI_NUMA_AFFINITY');
};

export const featureDemands: readonly FeatureDemand[] = [
  encryptedMemory, persistentMemory, trustedPlatformModule, secureBoot, statelessFirmware, addressSpace, devicesInTheSocket,
]; // prettier-ignore

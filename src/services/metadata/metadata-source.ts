import type { InstanceMetadata } from '../../domain/metadata/instance-metadata.ts';

/** Where the metadata service learns of instances. */
export interface MetadataSource {
  byInstanceId(instanceId: string): Promise<InstanceMetadata | null>;
  /** The instance whose port has this fixed IP. */
  byAddress(address: string): Promise<InstanceMetadata | null>;
  /** The instance whose port has this address on a network of the load balancer's provider; absent where there are no providers. */
  byProviderAddress?(providerId: string, address: string): Promise<InstanceMetadata | null>;
  /** Keeps what a guest posted; throws `conflict` when there is a password already. */
  savePassword(instanceId: string, password: string): Promise<void>;
}

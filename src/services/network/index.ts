export { bootstrapNetworks, type BootstrapNetworksOptions, type BootstrappedNetworks } from './bootstrap-networks.ts';
export { networkPolicy } from './policy.ts';
export { migrateNetwork, startNetwork, type RunningNetwork, type StartNetworkOptions } from './start-network.ts';

export { networkPolicy } from './policy.ts';
export { migrateNetwork, startNetwork, type RunningNetwork, type StartNetworkOptions } from './start-network.ts';

export { removeAll } from './remove-all.ts';
export { startNetworkAgent, type NetworkAgent, type NetworkAgentDeps, type NetworkAgentStatus } from './start-network-agent.ts';
export { httpWishSource, type WishSource } from './wish/wish-source.ts';

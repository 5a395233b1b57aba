export { bootstrap, type BootstrapEndpoint, type BootstrapOptions } from './bootstrap.ts';
export { startIdentity, type IdentityOptions, type IdentityService } from './start-identity.ts';

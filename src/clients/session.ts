/** In whose name another service is asked. */
export interface Session {
  /** The value of `X-Auth-Token`. */
  token(): Promise<string>;
}

/** Finds services in the catalog. */
export interface Endpoints {
  /** The URL of a service type, without a slash at the end; throws `unavailable` when the catalog has none. */
  url(serviceType: 'compute' | 'identity' | 'image' | 'network' | 'placement' | 'shared-file-system' | 'volumev3'): Promise<string>;
}

import { conflict } from '../../../../lib/errors.ts';
import type { Instance } from '../../../../domain/instance.ts';
import { findService } from '../../../../store/services.ts';
import type { ApiDeps } from '../../deps.ts';
import { isUpNow } from '../../hosts.ts';
import { hostOf } from './find-server.ts';

/** The host of a server, which must be up to let it go. */
export async function upHostOf(deps: ApiDeps, instance: Instance): Promise<string> {
  const host = hostOf(instance);
  await refuseDown(deps, host);
  return host;
}

export async function refuseDown(deps: ApiDeps, host: string): Promise<void> {
  const service = await findService(deps.stores, { host, binary: 'nova-compute' });
  if (service === null || !isUpNow(deps, service)) throw conflict('Service is unavailable at this time.');
}

/** Whether there is a compute host of this name. */
export const isComputeHost = async (deps: ApiDeps, host: string): Promise<boolean> =>
  (await findService(deps.stores, { host, binary: 'nova-compute' })) !== null;

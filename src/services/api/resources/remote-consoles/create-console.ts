import type { ConsoleAddress } from '../../../../contracts/compute.ts';
import { instanceNotFound, wrongState } from '../../../../domain/faults.ts';
import type { Instance } from '../../../../domain/instance.ts';
import { conflict, isKind } from '../../../../lib/errors.ts';
import { HttpError } from '../../../../lib/http/http-error.ts';
import { insertConsoleToken } from '../../../../store/console-tokens.ts';
import type { LocatedInstance } from '../../../../store/instances.ts';
import type { ApiDeps } from '../../deps.ts';
import { hostOf } from '../servers/find-server.ts';

export interface WantedConsole {
  readonly protocol: 'vnc' | 'spice' | 'serial' | 'mks';
  readonly type: string;
}

/** Permits one console of a server for a while: the answer is its URL, with a token that is nowhere else. */
export async function createConsole(deps: ApiDeps, { instance, cellId }: LocatedInstance, wanted: WantedConsole): Promise<string> {
  const computeHost = hostOf(instance);
  if (instance.taskState === 'deleting' || instance.taskState === 'migrating')
    throw wrongState(`get_${wanted.protocol}_console`, instance.id, `while it is in task_state ${instance.taskState}`);
  const address = await askHost(deps, computeHost, instance, wanted);
  const token = deps.ids.uuid();
  await insertConsoleToken(deps.stores.cell(cellId), token, {
    consoleType: wanted.type,
    instanceId: instance.id,
    computeHost,
    host: address.host,
    port: address.port,
    tlsPort: address.tlsPort,
    internalAccessPath: address.internalAccessPath,
    accessUrlBase: address.accessUrlBase,
    expiresAt: new Date(deps.clock.now() + deps.settings.consoleauth.token_ttl * 1000).toISOString(),
  });
  return accessUrl(address.accessUrlBase, wanted.type, token);
}

async function askHost(deps: ApiDeps, host: string, instance: Instance, wanted: WantedConsole): Promise<ConsoleAddress> {
  try {
    return await deps.agentOn(host).console({ instanceId: instance.id, ...wanted });
  } catch (error) {
    const notReady = isKind(error, 'conflict') || (isKind(error, 'notFound') && instance.vmState === 'building');
    if (notReady) throw conflict(`Instance ${instance.id} is not ready`, { cause: error });
    if (isKind(error, 'notFound')) throw instanceNotFound(instance.id);
    if (isKind(error, 'unavailable'))
      throw conflict(`The compute service of instance ${instance.id} is unavailable at this time.`, { cause: error });
    if (isKind(error, 'unsupported')) throw new HttpError(501, error.message);
    throw error;
  }
}

/** noVNC hands on what stands in `path` to its WebSocket; other viewers read the token from their own URL. */
export function accessUrl(base: string, type: string, token: string): string {
  if (type !== 'novnc') return `${base}?token=${token}`;
  const url = new URL(base);
  url.searchParams.set('path', `${url.searchParams.get('path') ?? ''}?token=${token}`);
  return url.href;
}

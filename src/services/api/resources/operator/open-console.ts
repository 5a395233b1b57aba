import type { ConsoleSession } from '../../../../contracts/consoles.ts';
import { isKind, notFound } from '../../../../lib/errors.ts';
import { findConsoleToken, type ConsoleToken } from '../../../../store/console-tokens.ts';
import { findInstance } from '../../../../store/instances.ts';
import type { ApiDeps } from '../../deps.ts';
import type { WantedConsole } from '../remote-consoles/create-console.ts';

const protocolOf: Readonly<Record<string, WantedConsole['protocol']>> = {
  novnc: 'vnc',
  'spice-html5': 'spice',
  'spice-direct': 'spice',
  serial: 'serial',
  webmks: 'mks',
};

/**
 * The console a token permits, if it still is what it was: the server on the host that was asked, its guest running and listening where
 * it did. Ports are given anew all the time, so without this a token could lead to another server's console.
 */
export async function openConsole(deps: ApiDeps, token: string): Promise<ConsoleSession> {
  const permitted = await findConsoleToken(deps.stores, token, deps.clock.now());
  if (permitted === null) throw notFound('The token of the console is invalid or has expired.');
  const found = await findInstance(deps.stores, permitted.instanceId);
  const still =
    found?.instance.host === permitted.computeHost && found.instance.taskState !== 'deleting' && (await isStillThere(deps, permitted));
  if (!still) throw notFound('The console is no longer where it was: the server was stopped, moved or deleted.');
  const { consoleType, instanceId, host, port, internalAccessPath, accessUrlBase, expiresAt } = permitted;
  return { consoleType, instanceId, host, port, internalAccessPath, accessUrlBase, expiresAt };
}

async function isStillThere(deps: ApiDeps, { instanceId, consoleType, computeHost, host, port }: ConsoleToken): Promise<boolean> {
  const protocol = protocolOf[consoleType];
  if (protocol === undefined) return false;
  try {
    const now = await deps.agentOn(computeHost).console({ instanceId, protocol, type: consoleType });
    return now.host === host && now.port === port;
  } catch (error) {
    if (isKind(error, 'conflict', 'notFound', 'invalid', 'unsupported')) return false;
    throw error;
  }
}

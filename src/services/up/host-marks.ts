import { readFile } from 'node:fs/promises';
import { cloudOfMark, markNamespace } from '../compute/drivers/libvirt/guest-mark.ts';
import type { HostMarks, Leftover } from '../inspect/host-leftovers.ts';
import { runDirectory, tableName, tapName } from '../network-agent/names.ts';
import { openRecords } from '../network-agent/state/records.ts';
import { readSecrets, type StateDirectory } from './state-directory.ts';
import { invalid } from '../../lib/errors.ts';

/**
 * By what the cloud of a state directory is told on this host. Names of devices and namespaces say no cloud: they come from the records of
 * the network agent, or where these are gone, from `earlier`: what `inspect audit --host --json` has printed before.
 */
export async function hostMarks(
  state: StateDirectory,
  options: { readonly cloudId?: string; readonly earlier?: string },
): Promise<HostMarks> {
  const cloudId = options.cloudId ?? (await readSecrets(state))?.cloudId;
  if (cloudId === undefined) throw invalid(`There is no cloud in ${state.path} any more; say which one it was with --cloud-id.`);
  const records = openRecords(state.path, cloudId);
  const [owned, wish, before] = [
    await records.owned(),
    await records.wish(),
    options.earlier === undefined ? [] : await readEarlier(options.earlier),
  ];
  const named = (kind: Leftover['kind']): readonly string[] => before.filter((leftover) => leftover.kind === kind).map(({ name }) => name);
  return {
    cloudId,
    directories: [state.path, runDirectory(cloudId)],
    nftTable: tableName(cloudId),
    devices: [...owned.bridges, ...owned.tunnels, ...(wish?.ports ?? []).map(({ id }) => tapName(id)), ...named('device')],
    namespaces: [...new Set([...owned.namespaces, ...named('namespace')])],
    guestMark: { ...markNamespace, cloudOf: cloudOfMark },
  };
}

async function readEarlier(path: string): Promise<readonly Leftover[]> {
  return (JSON.parse(await readFile(path, 'utf8')) as { readonly leftovers: readonly Leftover[] }).leftovers;
}

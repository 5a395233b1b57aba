import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../config/index.ts';
import { KilonovaError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { removeAll } from '../network-agent/index.ts';
import { systemClock } from '../../lib/clock.ts';
import { openDriver } from '../compute/drivers/index.ts';
import { stopDaemons } from '../volume/stop-daemons.ts';
import { cloudSettings } from './cloud-settings.ts';
import { ensureLibvirtd } from './libvirtd.ts';
import { down } from './detach.ts';
import { readSecrets, stateDirectory } from './state-directory.ts';

/** Takes a whole cloud away: it is stopped, its guests, networks and files are removed. What is not its own stays. */
export async function reset(statePath: string): Promise<{ readonly guests: number }> {
  const state = stateDirectory(statePath);
  if (!existsSync(state.path)) throw new KilonovaError('notFound', `There is no cloud in ${state.path}.`);
  const secrets = await readSecrets(state);
  if (secrets === null && !existsSync(state.novaConf))
    throw new KilonovaError('invalid', `${state.path} is not the state directory of a cloud; nothing was removed.`);
  await down(state.path, { timeoutMs: 60_000, destroy: false });
  let guests = 0;
  if (secrets !== null) {
    const { settings } = await cloudSettings(state, secrets, { driver: null, fakeHosts: null, portBase: null });
    if (settings.DEFAULT.compute_driver === 'libvirt.LibvirtDriver') guests = await removeGuests(settings);
    const problems = await removeAll({ cloudId: secrets.cloudId, statePath: state.path });
    if (problems.length > 0)
      throw new KilonovaError(
        'conflict',
        `Some of the network could not be removed: ${problems.map(({ resource, id, message }) => `${resource} ${id}: ${message}`).join('; ')}`,
      );
  }
  await stopDaemons(join(state.path, 'volumes'));
  await rm(state.path, { recursive: true, force: true });
  return { guests };
}

/** Removes the cloud's guests from this host's hypervisor. */
async function removeGuests(settings: Settings): Promise<number> {
  await ensureLibvirtd(silentLog);
  const driver = await openDriver('libvirt.LibvirtDriver', {
    host: settings.DEFAULT.host,
    settings,
    statePath: settings.DEFAULT.state_path,
    clock: systemClock,
    log: silentLog,
  });
  try {
    const guests = await driver.guests();
    for (const { id } of guests) await driver.destroy(id);
    return guests.length;
  } finally {
    await driver.close();
  }
}

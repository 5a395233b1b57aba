import { createWriteStream } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { policyOverrides } from '../../config/index.ts';
import { systemClock } from '../../lib/clock.ts';
import { createLog, type Log } from '../../lib/log.ts';
import { KilonovaError, messageOf } from '../../lib/errors.ts';
import { startCloud, type Cloud } from './cloud.ts';
import { cloudSettings, refuseTakenPorts, type UpFlags } from './cloud-settings.ts';
import { writeCredentials } from './credentials-files.ts';
import { adminSession } from './admin-session.ts';
import { ensureLibvirtd, keepLibvirtd } from './libvirtd.ts';
import { writtenProgress, type Progress } from './progress.ts';
import { blankImage, imageFile, seedFlavors, seedImage } from './seed.ts';
import { seedNetworks } from './seed-networks.ts';
import { ensureSecrets, imageCachePath, prepareDirectory, stateDirectory, takeDirectory, type StateDirectory } from './state-directory.ts';

export interface UpOptions extends UpFlags {
  readonly state: string;
  /** Lines for a person; a detached start writes them to its log. */
  readonly write: (text: string) => void;
}

/** A cloud that runs in this process, until `stop`. */
export interface RunningUp {
  readonly cloud: Cloud;
  readonly state: StateDirectory;
  readonly adminPassword: string;
  readonly progress: Progress;
  readonly log: Log;
  /** `destroy` deletes every server and takes the networks away, too. */
  stop(options: { readonly destroy: boolean }): Promise<void>;
}

/** Bytes a cloud must find free in its state directory to begin with. */
const leastFree = 512 * 1024 ** 2;

/** Brings a cloud up: everything it lacks is made, everything it has is found again. */
export async function up(options: UpOptions): Promise<RunningUp> {
  const state = stateDirectory(options.state);
  const progress = writtenProgress(options.write);
  await prepareDirectory(state);
  await refuseFullDisk(state);
  const lock = await takeDirectory(state);
  try {
    const secrets = await ensureSecrets(state);
    const loaded = await cloudSettings(state, secrets, options);
    const { settings } = loaded;
    for (const warning of loaded.warnings) progress.say(`  ! ${warning}`);
    await refuseTakenPorts(settings, state.path);
    const log = createLog({
      name: 'kilonova',
      level: settings.DEFAULT.debug ? 'debug' : 'info',
      to: createWriteStream(state.logFile, { flags: 'a', mode: 0o600 }),
    });
    const real = settings.DEFAULT.compute_driver !== 'fake.FakeDriver';
    if (real) await progress.step('libvirt', () => ensureLibvirtd(log));
    // an image takes a while to make on the very first start: the services come up meanwhile
    const image = real
      ? import('./guest-image/make-guest-image.ts').then(({ makeGuestImage }) => makeGuestImage({ directory: imageCachePath(), log }))
      : null;
    image?.catch(() => undefined);
    const libvirtd = real ? keepLibvirtd({ clock: systemClock, log: log.child({ service: 'libvirt' }) }) : null;
    let cloud: Cloud;
    try {
      cloud = await startCloud({ settings, secrets, log, progress, policyOverrides: policyOverrides(settings, state.novaConf) });
    } catch (error) {
      await libvirtd?.stop();
      throw error;
    }
    try {
      await writeCredentials(state, secrets, cloud);
      const admin = adminSession(cloud, secrets.adminPassword, log);
      await progress.step('flavors and networks', () => Promise.all([seedFlavors(cloud), seedNetworks(cloud, admin, settings, log)]));
      await progress.step('image', () =>
        seedImage(cloud, admin, async () => (image === null ? blankImage() : imageFile((await image).path))),
      );
    } catch (error) {
      await cloud.stop();
      await libvirtd?.stop();
      throw error;
    }
    return {
      cloud,
      state,
      adminPassword: secrets.adminPassword,
      progress,
      log,
      async stop({ destroy }) {
        if (destroy)
          await import('./destroy-servers.ts').then(({ destroyServers }) =>
            destroyServers(cloud, adminSession(cloud, secrets.adminPassword, log)),
          );
        await cloud.stop({ removeDataPlane: destroy });
        await libvirtd?.stop();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function refuseFullDisk(state: StateDirectory): Promise<void> {
  const { bavail, bsize } = await statfs(state.path);
  const free = bavail * bsize;
  if (free >= leastFree) return;
  throw new KilonovaError(
    'unavailable',
    `The disk of ${state.path} has ${Math.floor(free / 1024 ** 2)} MiB free; a cloud needs at least ${leastFree / 1024 ** 2} MiB. Make room, or choose another place with --state DIR.`,
    { code: 'disk-full' },
  );
}

/** What a person reads when the cloud is there. */
export function welcome({ cloud, state }: RunningUp, seconds: number): string {
  // the volume service stands in the catalog under an older type, too: each place is shown once
  const types = new Map(Object.entries(cloud.endpoints).map(([type, url]) => [url, type]));
  const width = Math.max(...[...types.values()].map((type) => type.length));
  const endpoints = [...types].map(([url, type]) => `    ${type.padEnd(width)}  ${url}`);
  return `
Your cloud is up, after ${seconds.toFixed(1)} s.

  Endpoints
${endpoints.join('\n')}

  Credentials  ${state.openrc} and ${state.cloudsYaml} (user admin)
  Settings     ${state.novaConf}
  Log          ${state.logFile}

  Next:
    . ${state.openrc}
    openstack server create --image tiny --flavor m1.tiny --network private --wait my-first-server
    openstack console log show my-first-server
`;
}

/** Exit codes of the command line, by what went wrong. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  'missing-packages': 3,
  'already-running': 4,
  'port-taken': 5,
  'disk-full': 6,
  'bad-configuration': 7,
} as const;

export function exitCodeOf(error: unknown): number {
  if (error instanceof KilonovaError) {
    const known = Object.entries(exitCodes).find(([name]) => name === error.code);
    if (known !== undefined) return known[1];
    if (error.kind === 'invalid') return exitCodes['bad-configuration'];
  }
  return exitCodes.failed;
}

/** An error as a person reads it: the sentence, and what caused it. */
export function explain(error: unknown): string {
  const lines = [`kilonova: ${messageOf(error)}`];
  for (let cause = error instanceof Error ? error.cause : undefined; cause instanceof Error; cause = cause.cause)
    lines.push(`  because: ${cause.message}`);
  return lines.join('\n');
}

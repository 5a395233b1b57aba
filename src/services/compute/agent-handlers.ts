import type { computeAgent } from '../../contracts/compute.ts';
import type { Handlers } from '../../lib/rpc/contract.ts';
import type { ComputeHost } from './compute-host.ts';
import { hostProblems } from './host-problems.ts';
import { consoleAddress } from './operations/console-address.ts';
import { cacheImages } from './operations/cache-images.ts';
import { consoleOutput } from './operations/console-output.ts';
import { destroy } from './operations/destroy.ts';
import { crashDump, setPassword } from './operations/guest-inside.ts';
import { leftFiles, removeLeftFile } from './operations/left-files.ts';
import { attachInterface, detachInterface } from './operations/interfaces.ts';
import {
  abortLiveMigration,
  forceCompleteLiveMigration,
  liveMigrate,
  liveMigrationProgress,
  prepareLiveMigration,
} from './operations/live-moves.ts';
import { admitGuest, bringBack, discardAside, guestsAside, setAside, takeOver } from './operations/moves.ts';
import { pause, unpause } from './operations/pause.ts';
import { powerOff, powerOn } from './operations/power.ts';
import { reboot } from './operations/reboot.ts';
import { attachVolume, detachVolume, growVolume } from './operations/volumes.ts';
import { prepare, rebuild } from './operations/rebuild.ts';
import { rescue, unrescue } from './operations/rescue.ts';
import { discardSnapshot, snapshot, uploadSnapshot } from './operations/snapshot.ts';
import { spawn } from './operations/spawn.ts';
import { resume, suspend } from './operations/suspend.ts';

/** Version of the agent, as hosts tell it when they start. */
export const agentVersion = 1;

/** What a host answers on its topic. */
export function agentHandlers(host: ComputeHost, nudgeReport: () => Promise<void>): Handlers<typeof computeAgent> {
  const { driver } = host;
  const problems = hostProblems(host);
  return {
    ping: async () => ({ version: agentVersion, problems: [...(await problems())], now: host.clock.now() }),
    spawn: ({ order, start }, { signal }) => spawn(host, order, signal, start),
    destroy: ({ instanceId }, { signal }) => destroy(host, instanceId, signal),
    powerOff: ({ instanceId, graceSeconds }, { signal }) => powerOff(host, instanceId, graceSeconds, signal),
    powerOn: ({ order }, { signal }) => powerOn(host, order, signal),
    reboot: ({ order, type }, { signal }) => reboot(host, order, type, signal),
    pause: ({ instanceId }, { signal }) => pause(host, instanceId, signal),
    unpause: ({ instanceId }, { signal }) => unpause(host, instanceId, signal),
    suspend: ({ instanceId }, { signal }) => suspend(host, instanceId, signal),
    resume: ({ order }, { signal }) => resume(host, order, signal),
    attachVolume: ({ order, device }, { signal }) => attachVolume(host, order, device, signal),
    detachVolume: ({ instanceId, volumeId }, { signal }) => detachVolume(host, instanceId, volumeId, signal),
    growVolume: ({ instanceId, volumeId, bytes }, { signal }) => growVolume(host, instanceId, volumeId, bytes, signal),
    attachInterface: ({ order, vif }, { signal }) => attachInterface(host, order, vif, signal),
    detachInterface: ({ instanceId, vif }, { signal }) => detachInterface(host, instanceId, vif, signal),
    prepare: ({ order }, { signal }) => prepare(host, order, signal),
    rebuild: ({ order }, { signal }) => rebuild(host, order, signal),
    rescue: (wanted, { signal }) => rescue(host, wanted, signal),
    unrescue: ({ order }, { signal }) => unrescue(host, order, signal),
    snapshot: (wanted, { signal }) => snapshot(host, wanted, signal),
    uploadSnapshot: ({ instanceId, imageId }, { signal }) => uploadSnapshot(host, instanceId, imageId, signal),
    discardSnapshot: ({ instanceId, imageId }, { signal }) => discardSnapshot(host, instanceId, imageId, signal),
    setPassword: (wanted, { signal }) => setPassword(host, wanted, signal),
    crashDump: ({ instanceId }, { signal }) => crashDump(host, instanceId, signal),
    consoleOutput: async ({ instanceId, lines }) => ({ text: await consoleOutput(host, instanceId, lines) }),
    console: (wanted) => consoleAddress(host, wanted),
    diagnostics: ({ instanceId }) => driver.diagnostics(instanceId),
    placedDevices: async ({ instanceId }) => ({ devices: (await driver.placedDevices?.(instanceId)) ?? [] }),
    topology: async ({ instanceId }) => ({ topology: (await driver.layout?.held())?.get(instanceId)?.topology ?? null }),
    cacheImages: ({ imageIds }, { signal }) => cacheImages(host, imageIds, signal),
    inspect: async ({ instanceId }) => {
      const guest = await driver.inspect(instanceId);
      return guest === null ? null : { powerState: guest.powerState };
    },
    guests: async () => ({ guests: (await driver.guests()).map(({ id, name, powerState }) => ({ instanceId: id, name, powerState })) }),
    uptime: async () => ({ text: await driver.uptime() }),
    networkEvent: (event) => Promise.resolve(host.networkEvents.deliver(event)),
    admitGuest: async ({ from, live }) => admitGuest(host, from, live),
    setAside: ({ order, graceSeconds }, { signal }) => setAside(host, order, graceSeconds, signal),
    takeOver: ({ order, from, start }, { signal }) => takeOver(host, order, from, start, signal),
    discardAside: ({ instanceId }, { signal }) => discardAside(host, instanceId, signal),
    bringBack: ({ order, start }, { signal }) => bringBack(host, order, start, signal),
    guestsAside: () => guestsAside(host),
    leftFiles: () => leftFiles(host),
    removeLeftFile: ({ instanceId, name }, { signal }) => removeLeftFile(host, instanceId, name, signal),
    prepareLiveMigration: ({ order, from }, { signal }) => prepareLiveMigration(host, order, from, signal),
    liveMigrate: ({ instanceId, to }, { signal }) => liveMigrate(host, instanceId, to, signal),
    liveMigrationProgress: async ({ instanceId }) => liveMigrationProgress(host, instanceId),
    forceCompleteLiveMigration: ({ instanceId }) => forceCompleteLiveMigration(host, instanceId),
    abortLiveMigration: ({ instanceId }, { signal }) => abortLiveMigration(host, instanceId, signal),
    reportResources: () => nudgeReport(),
  };
}

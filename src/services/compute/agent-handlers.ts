import type { computeAgent } from '../../contracts/compute.ts';
import type { Handlers } from '../../lib/rpc/contract.ts';
import type { ComputeHost } from './compute-host.ts';
import { consoleAddress } from './operations/console-address.ts';
import { cacheImages } from './operations/cache-images.ts';
import { consoleOutput } from './operations/console-output.ts';
import { destroy } from './operations/destroy.ts';
import { attachInterface, detachInterface } from './operations/interfaces.ts';
import { pause, unpause } from './operations/pause.ts';
import { powerOff, powerOn } from './operations/power.ts';
import { reboot } from './operations/reboot.ts';
import { spawn } from './operations/spawn.ts';
import { resume, suspend } from './operations/suspend.ts';

/** Version of the agent, as hosts tell it when they start. */
export const agentVersion = 1;

/** What a host answers on its topic. */
export function agentHandlers(host: ComputeHost, nudgeReport: () => Promise<void>): Handlers<typeof computeAgent> {
  const { driver } = host;
  return {
    ping: () => Promise.resolve({ version: agentVersion, problems: [...driver.problems()] }),
    spawn: ({ order }, { signal }) => spawn(host, order, signal),
    destroy: ({ instanceId }, { signal }) => destroy(host, instanceId, signal),
    powerOff: ({ instanceId, graceSeconds }, { signal }) => powerOff(host, instanceId, graceSeconds, signal),
    powerOn: ({ order }, { signal }) => powerOn(host, order, signal),
    reboot: ({ order, type }, { signal }) => reboot(host, order, type, signal),
    pause: ({ instanceId }, { signal }) => pause(host, instanceId, signal),
    unpause: ({ instanceId }, { signal }) => unpause(host, instanceId, signal),
    suspend: ({ instanceId }, { signal }) => suspend(host, instanceId, signal),
    resume: ({ order }, { signal }) => resume(host, order, signal),
    attachInterface: ({ order, vif }, { signal }) => attachInterface(host, order, vif, signal),
    detachInterface: ({ instanceId, vif }, { signal }) => detachInterface(host, instanceId, vif, signal),
    consoleOutput: async ({ instanceId, lines }) => ({ text: await consoleOutput(host, instanceId, lines) }),
    console: (wanted) => consoleAddress(host, wanted),
    diagnostics: ({ instanceId }) => driver.diagnostics(instanceId),
    cacheImages: ({ imageIds }, { signal }) => cacheImages(host, imageIds, signal),
    inspect: async ({ instanceId }) => {
      const guest = await driver.inspect(instanceId);
      return guest === null ? null : { powerState: guest.powerState };
    },
    guests: async () => ({ guests: (await driver.guests()).map(({ id, name, powerState }) => ({ instanceId: id, name, powerState })) }),
    uptime: async () => ({ text: await driver.uptime() }),
    networkEvent: (event) => Promise.resolve(host.networkEvents.deliver(event)),
    reportResources: () => nudgeReport(),
  };
}

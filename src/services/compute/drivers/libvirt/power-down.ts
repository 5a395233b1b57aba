import { powerStates, type PowerState } from '../../../../domain/instance.ts';
import type { Clock } from '../../../../lib/clock.ts';
import {
  destroyDomain,
  getDomainState,
  isLibvirtError,
  shutdownDomain,
  type DomainRef,
  type LibvirtClient,
} from '../../../../lib/libvirt/index.ts';
import { retry } from '../../../../lib/retry.ts';
import { powerStateOf } from './domain-state.ts';

/** How often a guest that was asked to shut down is asked again, and looked at. */
const askAgainMs = 10_000;
const lookEveryMs = 500;

export const stateOf = async (client: LibvirtClient, domain: DomainRef): Promise<PowerState> =>
  powerStateOf[(await getDomainState(client, domain)).state];
export const isOff = (state: PowerState): boolean => state === powerStates.shutdown || state === powerStates.crashed;

/** Pulls the plug, if it is not pulled already. */
export async function switchOff(client: LibvirtClient, domain: DomainRef, clock: Clock): Promise<void> {
  try {
    // a process in the middle of its input and output may outlive the first SIGKILL
    await retry(() => destroyDomain(client, domain), {
      clock,
      attempts: 3,
      delayMs: 1000,
      when: (error) => isLibvirtError(error, 'resourceBusy', 'systemError'),
    });
  } catch (error) {
    if (!isLibvirtError(error, 'operationInvalid', 'noDomain')) throw error; // off already
  }
}

/** Whether the guest is off within so many seconds after it was asked to shut down. */
export async function goesDown(
  client: LibvirtClient,
  domain: DomainRef,
  { clock, graceSeconds, signal }: { readonly clock: Clock; readonly graceSeconds: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const deadline = clock.now() + graceSeconds * 1000;
  let askAt = clock.now();
  for (let asked = 0; ;) {
    if (isOff(await stateOf(client, domain))) return true;
    const now = clock.now();
    if (now >= deadline) return false;
    if (now >= askAt) {
      askAt = now + askAgainMs;
      await askToGoDown(client, domain, asked++ % 2 === 0 ? 'acpi' : 'agent');
    }
    await clock.sleep(Math.min(lookEveryMs, deadline - now), signal);
  }
}

/** By the power button, and when that was not heard by the agent inside, where there is one. */
async function askToGoDown(client: LibvirtClient, domain: DomainRef, way: 'acpi' | 'agent'): Promise<void> {
  try {
    await shutdownDomain(client, domain, [way]);
  } catch (error) {
    if (isLibvirtError(error, 'operationInvalid')) return; // just went off
    if (way === 'acpi') throw error;
    await askToGoDown(client, domain, 'acpi'); // nobody answers inside
  }
}

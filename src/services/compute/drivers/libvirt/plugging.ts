import { conflict } from '../../../../lib/errors.ts';
import type { Clock } from '../../../../lib/clock.ts';
import {
  attachDevice,
  detachDevice,
  getDomainXml,
  isLibvirtError,
  type DomainRef,
  type LibvirtClient,
} from '../../../../lib/libvirt/index.ts';
import { toXml, type XmlElement } from '../../../../lib/xml/build.ts';
import { parseXml } from '../../../../lib/xml/parse.ts';
import { isOff, stateOf } from './power-down.ts';

/** A device of a guest: how it is recognised in a domain, and what messages call it. */
export interface PluggedDevice {
  readonly called: string;
  /** The device in a domain's XML, or undefined when it is not in. */
  readonly findIn: (domain: XmlElement) => XmlElement | undefined;
}

/** How long a guest is asked to let go of a device ([libvirt] device_detach_attempts, device_detach_timeout). */
export interface DetachPatience {
  readonly attempts: number;
  readonly secondsEach: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const lookEveryMs = 250;

/** Plugs a device into the definition of a domain, and into the running guest. One that is in already stays as it is. */
export async function plugIn(client: LibvirtClient, domain: DomainRef, device: PluggedDevice, xml: XmlElement): Promise<void> {
  const affected = isOff(await stateOf(client, domain)) ? (['config'] as const) : (['config', 'live'] as const);
  for (const flag of affected) {
    if ((await look(client, domain, device, flag)) !== undefined) continue;
    await attachDevice(client, domain, toXml(xml), [flag]);
  }
}

/** Takes a device out of the definition and out of the running guest, which may take its time or refuse. */
export async function unplug(client: LibvirtClient, domain: DomainRef, device: PluggedDevice, patience: DetachPatience): Promise<void> {
  await ask(client, domain, device, 'config');
  if (isOff(await stateOf(client, domain))) return;
  const { attempts, secondsEach, clock, signal } = patience;
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (!(await ask(client, domain, device, 'live'))) return;
    const deadline = clock.now() + secondsEach * 1000;
    while (clock.now() < deadline) {
      if ((await look(client, domain, device, 'live')) === undefined) return;
      await clock.sleep(lookEveryMs, signal);
    }
  }
  throw conflict(`The guest does not let go of ${device.called}.`, { code: 'device-detach-failed' });
}

/** Asks for the device to go; false when it is not there. */
async function ask(client: LibvirtClient, domain: DomainRef, device: PluggedDevice, flag: 'config' | 'live'): Promise<boolean> {
  const found = await look(client, domain, device, flag);
  if (found === undefined) return false;
  try {
    await detachDevice(client, domain, toXml(found), [flag]);
  } catch (error) {
    // "device_del" is refused while an earlier one is pending, and for a device that has just gone
    if (!isLibvirtError(error, 'deviceMissing', 'operationFailed', 'internalError')) throw error;
  }
  return true;
}

async function look(
  client: LibvirtClient,
  domain: DomainRef,
  device: PluggedDevice,
  flag: 'config' | 'live',
): Promise<XmlElement | undefined> {
  return device.findIn(parseXml(await getDomainXml(client, domain, flag === 'config' ? ['inactive'] : [])));
}

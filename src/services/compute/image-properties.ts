import { invalid } from '../../lib/errors.ts';
import type { DiskBus } from './drivers/driver.ts';

const buses: readonly DiskBus[] = ['virtio', 'scsi', 'ide', 'sata', 'usb', 'fdc'];

/** Reads properties of an image that shape a guest; null for one that is not there, `invalid` for a value that is not allowed. */
export function readProperty(properties: Readonly<Record<string, string>>) {
  const text = (key: string): string | null => (Object.hasOwn(properties, key) && properties[key] !== '' ? properties[key]! : null);
  const choice = <const C extends string>(key: string, choices: readonly C[]): C | null => {
    const value = text(key);
    if (value === null) return null;
    return choices.find((one) => one === value) ?? refuse(key, `one of ${choices.join(', ')}`);
  };
  return {
    text,
    choice,
    flag(key: string): boolean | null {
      const value = text(key);
      if (value === null) return null;
      if (/^(true|1|yes|on|t|y)$/i.test(value)) return true;
      return /^(false|0|no|off|f|n)$/i.test(value) ? false : refuse(key, 'true or false');
    },
    bus: (key: string): DiskBus | null => choice(key, buses),
    count(key: string): number | null {
      const value = text(key);
      if (value === null) return null;
      return /^[1-9]\d{0,4}$/.test(value) ? Number(value) : refuse(key, 'a whole number from 1');
    },
    machineType(key: string): string | null {
      const value = text(key);
      return value === null || /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value) ? value : refuse(key, 'the name of a machine type');
    },
  };
}

const refuse = (key: string, allowed: string): never => {
  throw invalid(`The image's property '${key}' must be ${allowed}.`);
};

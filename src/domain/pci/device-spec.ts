import { invalid } from '../../lib/errors.ts';
import { customName, resourceClassName, type PciPool } from './pci-pool.ts';
import type { PciDeviceType } from './pci-request.ts';

/** A PCI device as a host finds it. */
export interface PciDevice {
  /** `0000:81:00.1`, in lower case. */
  readonly address: string;
  readonly vendorId: string;
  readonly productId: string;
  readonly deviceType: PciDeviceType;
  readonly numaNode: number | null;
  /** Of a virtual function: the address of its card. */
  readonly parentAddress: string | null;
  /** Name of its network interface. */
  readonly interfaceName: string | null;
}

/** What a line of `[pci] device_spec` says: which devices guests may have, and how. */
export interface DeviceSpec {
  readonly matches: (device: PciDevice) => boolean;
  /** Whether it names a network interface rather than an address. */
  readonly namesInterface: boolean;
  readonly offer: Pick<PciPool, 'trusted' | 'remoteManaged' | 'liveMigratable' | 'managed' | 'oneTimeUse' | 'resourceClass' | 'traits'> & {
    readonly physicalNetwork?: string | null;
  };
}

const keys = new Set([
  'vendor_id', 'product_id', 'address', 'devname', 'physical_network', 'trusted', 'remote_managed', 'managed', 'live_migratable', 'one_time_use',
  'resource_class', 'traits',
]); // prettier-ignore
const limits = { domain: 0xffff, bus: 0xff, slot: 0x1f, function: 0x7 } as const;
type AddressPart = keyof typeof limits;

/** Reads the lines of `[pci] device_spec`; each is an object or a list of them. */
export const readDeviceSpecs = (lines: readonly string[]): readonly DeviceSpec[] => lines.flatMap(readLine);

function readLine(line: string): readonly DeviceSpec[] {
  let read: unknown;
  try {
    read = JSON.parse(line);
  } catch {
    throw invalid(`[pci] device_spec: this is no JSON: ${line.slice(0, 200)}`);
  }
  return [read].flat().map((entry) => readSpec(entry as Record<string, unknown>, line));
}

function readSpec(entry: Record<string, unknown>, line: string): DeviceSpec {
  const refuse = (why: string): never => {
    throw invalid(`[pci] device_spec: ${why}: ${line.slice(0, 200)}`);
  };
  if (typeof entry !== 'object' || entry === null) return refuse('this is no object');
  const unknown = Object.keys(entry).find((key) => !keys.has(key));
  if (unknown !== undefined) refuse(`there is no key '${unknown}'`);
  if (entry['address'] !== undefined && entry['devname'] !== undefined) refuse("'address' and 'devname' exclude each other");
  const text = (key: string): string | null => {
    const value = entry[key];
    return value === undefined || value === null ? null : String(value);
  };
  const flag = (key: string, without: boolean): boolean => {
    const value = text(key);
    return value === null ? without : /^(true|yes|1|on)$/i.test(value);
  };
  const id = (key: string): ((has: string) => boolean) => {
    const value = text(key);
    if (value === null || value === '*') return () => true;
    if (!/^[0-9a-f]{4}$/i.test(value)) refuse(`'${key}' must be four hexadecimal digits or *`);
    return (has) => has.toLowerCase() === value.toLowerCase();
  };
  const [vendor, product] = [id('vendor_id'), id('product_id')];
  const address = addressMatcher(entry['address'], refuse);
  const devname = text('devname');
  const traits = text('traits');
  const resourceClass = text('resource_class');
  return {
    namesInterface: devname !== null,
    matches: (device) =>
      vendor(device.vendorId) &&
      product(device.productId) &&
      (address(device.address) || (device.parentAddress !== null && address(device.parentAddress))) &&
      (devname === null || device.interfaceName === devname),
    offer: {
      ...(entry['physical_network'] === undefined ? {} : { physicalNetwork: text('physical_network') }),
      trusted: flag('trusted', false),
      remoteManaged: flag('remote_managed', false),
      liveMigratable: flag('live_migratable', false),
      managed: flag('managed', true),
      oneTimeUse: flag('one_time_use', false),
      resourceClass: resourceClass === null ? null : resourceClassName(resourceClass),
      traits:
        traits === null
          ? []
          : traits
              .split(',')
              .filter((trait) => trait.trim() !== '')
              .map(customName),
    },
  };
}

/** `0000:81:*.*` with stars for whole parts, or an expression for each part. */
function addressMatcher(wanted: unknown, refuse: (why: string) => never): (address: string) => boolean {
  if (wanted === undefined || wanted === null || wanted === '*') return () => true;
  const parts = typeof wanted === 'string' ? partsOfText(wanted, refuse) : partsOfObject(wanted as Record<string, unknown>, refuse);
  return (address) => {
    const [, domain = '', bus = '', slot = '', fn = ''] = /^([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/i.exec(address) ?? [];
    const has: Readonly<Record<AddressPart, string>> = { domain, bus, slot, function: fn };
    return domain !== '' && (Object.keys(limits) as AddressPart[]).every((part) => parts[part](has[part].toLowerCase()));
  };
}

type Parts = Readonly<Record<AddressPart, (text: string) => boolean>>;

function partsOfText(text: string, refuse: (why: string) => never): Parts {
  const pieces = text.split(/[:.]/);
  const [domain = '*', bus = '*', slot = '*', fn = '*'] = pieces.length === 3 ? ['*', ...pieces] : pieces;
  const part = (name: AddressPart, wanted: string): ((has: string) => boolean) => {
    if (wanted === '*' || wanted === '') return () => true;
    if (!/^[0-9a-f]{1,8}$/i.test(wanted)) refuse(`'${wanted}' is no part of a PCI address`);
    if (Number.parseInt(wanted, 16) > limits[name])
      refuse(`the ${name} of a PCI address is at most ${limits[name].toString(16).toUpperCase()}`);
    return (has) => Number.parseInt(has, 16) === Number.parseInt(wanted, 16);
  };
  return { domain: part('domain', domain), bus: part('bus', bus), slot: part('slot', slot), function: part('function', fn) };
}

function partsOfObject(wanted: Record<string, unknown>, refuse: (why: string) => never): Parts {
  const unknown = Object.keys(wanted).find((key) => !Object.hasOwn(limits, key));
  if (unknown !== undefined) refuse(`a PCI address has no part '${unknown}'`);
  const part = (name: AddressPart): ((has: string) => boolean) => {
    const text = wanted[name];
    if (text === undefined || text === '.*') return () => true;
    let expression: RegExp;
    try {
      expression = new RegExp(`^(?:${String(text)})`, 'i');
    } catch {
      return refuse(`'${String(text)}' is no regular expression`);
    }
    return (has) => expression.test(has);
  };
  return { domain: part('domain'), bus: part('bus'), slot: part('slot'), function: part('function') };
}

/** The pools of the devices guests may have: the first line that matches a device says how it is offered. Taken ones are left out. */
export function poolsOf(
  devices: readonly PciDevice[],
  specs: readonly DeviceSpec[],
  taken: ReadonlySet<string> = new Set(),
  providerOf: (address: string) => string | null = () => null,
): readonly PciPool[] {
  const functionsTaken = new Set(
    devices.flatMap(({ address, parentAddress }) => (taken.has(address) && parentAddress !== null ? [parentAddress] : [])),
  );
  const pools = new Map<string, PciPool>();
  for (const device of devices) {
    const spec = specs.find(({ matches }) => matches(device));
    if (spec === undefined) continue;
    refuseUnfit(device, spec);
    const blocked = functionsTaken.has(device.address) || (device.parentAddress !== null && taken.has(device.parentAddress));
    if (taken.has(device.address) || blocked) continue; // a card is whole or in parts
    const { address, vendorId, productId, deviceType, numaNode } = device;
    const alike = { vendorId, productId, deviceType, numaNode, ...spec.offer, providerUuid: providerOf(address) };
    const key = JSON.stringify(alike);
    pools.set(key, { ...alike, devices: [...(pools.get(key)?.devices ?? []), address] });
  }
  return [...pools.values()];
}

function refuseUnfit({ address, deviceType }: PciDevice, { offer }: DeviceSpec): void {
  if (offer.remoteManaged && deviceType !== 'type-VF')
    throw invalid(`[pci] device_spec: ${address} cannot be remote_managed: it is no virtual function.`);
  if (offer.oneTimeUse && deviceType === 'type-VF')
    throw invalid(`[pci] device_spec: ${address} cannot be one_time_use: it is a virtual function.`);
}

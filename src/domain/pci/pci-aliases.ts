import { invalid } from '../../lib/errors.ts';
import { wishOf, type Wishes } from '../numa/wishes.ts';
import { customName, resourceClassName } from './pci-pool.ts';
import type { PciDeviceType, PciNumaPolicy, PciRequest, PciRequestSpec } from './pci-request.ts';

/** A name for devices: those of any of its specs. */
export interface PciAlias {
  readonly name: string;
  readonly numaPolicy: PciNumaPolicy;
  readonly specs: readonly PciRequestSpec[];
}

const deviceTypes: readonly PciDeviceType[] = ['type-PCI', 'type-PF', 'type-VF'];
const numaPolicies: readonly PciNumaPolicy[] = ['required', 'legacy', 'preferred', 'socket'];
const keys = new Set([
  'name', 'vendor_id', 'product_id', 'capability_type', 'device_type', 'numa_policy', 'resource_class', 'traits', 'live_migratable',
]); // prettier-ignore

/** Reads the lines of `[pci] alias`; an alias that is given several times means any of them. */
export function readPciAliases(lines: readonly string[]): ReadonlyMap<string, PciAlias> {
  const aliases = new Map<string, PciAlias>();
  for (const line of lines) {
    const { name, numaPolicy, spec } = readAlias(line);
    const known = aliases.get(name);
    if (known !== undefined && known.numaPolicy !== numaPolicy) throw invalid(`[pci] alias: '${name}' has NUMA policies that differ.`);
    if (known !== undefined && known.specs[0]?.deviceType !== spec.deviceType)
      throw invalid(`[pci] alias: '${name}' has device types that differ.`);
    aliases.set(name, { name, numaPolicy, specs: [...(known?.specs ?? []), spec] });
  }
  return aliases;
}

function readAlias(line: string): { readonly name: string; readonly numaPolicy: PciNumaPolicy; readonly spec: PciRequestSpec } {
  const refuse = (why: string): never => {
    throw invalid(`[pci] alias: ${why}: ${line.slice(0, 200)}`);
  };
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return refuse('this is no JSON');
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return refuse('this is no object');
  const unknown = Object.keys(entry).find((key) => !keys.has(key));
  if (unknown !== undefined) return refuse(`there is no key '${unknown}'`);
  const text = (key: string): string | undefined => {
    const value = entry[key];
    return value === undefined ? undefined : typeof value === 'string' ? value : refuse(`'${key}' must be text`);
  };
  const choice = <C extends string>(key: string, choices: readonly C[]): C | undefined => {
    const value = text(key);
    return value === undefined
      ? undefined
      : (choices.find((one) => one === value) ?? refuse(`'${key}' must be one of ${choices.join(', ')}`));
  };
  const id = (key: string): string | undefined => {
    const value = text(key);
    return value === undefined || /^[0-9a-f]{4}$/i.test(value) ? value?.toLowerCase() : refuse(`'${key}' must be four hexadecimal digits`);
  };
  const name = text('name') ?? '';
  if (name === '' || name.length > 256) refuse("'name' must be 1 to 256 characters");
  choice('capability_type', ['pci']);
  const [vendorId, productId, resourceClass] = [id('vendor_id'), id('product_id'), text('resource_class')];
  const live = entry['live_migratable'];
  const traits = text('traits')?.split(',').filter((trait) => trait.trim() !== '').map(customTrait); // prettier-ignore
  return {
    name,
    numaPolicy: choice('numa_policy', numaPolicies) ?? 'legacy',
    spec: {
      deviceType: choice('device_type', deviceTypes) ?? 'type-PCI',
      ...(vendorId === undefined ? {} : { vendorId }),
      ...(productId === undefined ? {} : { productId }),
      ...(resourceClass === undefined ? {} : { resourceClass: resourceClassName(resourceClass) }),
      ...(traits === undefined ? {} : { traits }),
      ...(live === undefined ? {} : { liveMigratable: /^(true|yes|1|on)$/i.test(String(live)) }),
    },
  };
}

const customTrait = (text: string): string => {
  const name = text
    .trim()
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/g, '_');
  return /^(COMPUTE|HW|STORAGE|MISC|OWNER|CUSTOM)_/.test(name) ? name : customName(name);
};

/** The PCI devices a flavor asks for: `pci_passthrough:alias = a1:2,b:1`. */
export function pciRequestsOf(
  wishes: Wishes,
  aliases: ReadonlyMap<string, PciAlias>,
  newId: (index: number) => string,
): readonly PciRequest[] {
  const text = wishes.flavor.extraSpecs['pci_passthrough:alias'];
  const policy = numaPolicyOf(wishes);
  if (text === undefined || text.trim() === '') return [];
  return text.split(',').map((part, index) => {
    const [name = '', amount = '1', ...more] = part
      .trim()
      .split(':')
      .map((piece) => piece.trim());
    const alias = aliases.get(name);
    if (alias === undefined) throw invalid(`PCI alias ${name} is not defined`);
    if (more.length > 0 || !/^[1-9]\d{0,3}$/.test(amount)) throw invalid(`PCI alias ${name}: '${amount}' is no number of devices`);
    return {
      id: newId(index),
      count: Number(amount),
      specs: alias.specs,
      alias: name,
      portId: null,
      numaPolicy: policy ?? alias.numaPolicy,
    };
  });
}

/** How near devices must be, as flavor and image say it; it outranks what the alias says. */
export function numaPolicyOf(wishes: Wishes): PciNumaPolicy | null {
  const { flavor, image } = wishOf(wishes, 'pci_numa_affinity_policy');
  if (flavor !== null && image !== null && flavor !== image)
    throw invalid("The flavor's 'hw:pci_numa_affinity_policy' and the image's 'hw_pci_numa_affinity_policy' contradict each other.");
  const text = flavor ?? image;
  if (text === null) return null;
  const found = numaPolicies.find((policy) => policy === text);
  if (found === undefined) throw invalid(`Invalid PCI NUMA affinity policy '${text}': it must be one of ${numaPolicies.join(', ')}.`);
  return found;
}

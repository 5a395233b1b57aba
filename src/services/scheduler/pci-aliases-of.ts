import type { Settings } from '../../config/index.ts';
import { readPciAliases, type PciAlias } from '../../domain/pci/pci-aliases.ts';

const read = new WeakMap<Settings, ReadonlyMap<string, PciAlias>>();

/** The PCI aliases of the settings, which are read once. */
export function pciAliasesOf(settings: Settings): ReadonlyMap<string, PciAlias> {
  const aliases = read.get(settings) ?? readPciAliases(settings.pci.alias);
  read.set(settings, aliases);
  return aliases;
}

import type { Settings } from '../../../config/index.ts';
import type { NodeFacts } from '../../../domain/hosts.ts';
import { pass, reject, type HostFilter, type Verdict } from './filter.ts';

/** Names that mean the same architecture. */
const canonical: Readonly<Record<string, string>> = { amd64: 'x86_64', x64: 'x86_64', x86: 'i686', i386: 'i686', arm64: 'aarch64' };
const architecture = (name: string): string => canonical[name.toLowerCase()] ?? name.toLowerCase();

/** Why a hypervisor cannot run an image; null when it can. */
function imageMisfit(
  facts: Pick<NodeFacts, 'supportedInstances' | 'hypervisorVersion' | 'cpuInfo'>,
  properties: Readonly<Record<string, string>>,
  settings: Settings,
): Verdict {
  const wantedArchitecture =
    properties['hw_architecture'] ??
    properties['architecture'] ??
    settings.filter_scheduler.image_properties_default_architecture ??
    undefined;
  const wantedType = properties['img_hv_type'] ?? properties['hypervisor_type'];
  const wantedMode = properties['hw_vm_mode'] ?? properties['vm_mode'];
  const wanted = [
    ['architecture', wantedArchitecture && architecture(wantedArchitecture)],
    ['hypervisor type', wantedType?.toLowerCase()],
    ['vm mode', wantedMode?.toLowerCase()],
  ] as const;
  if (wanted.some(([, value]) => value !== undefined)) {
    const offered = facts.supportedInstances.some(([arch, type, mode]) => {
      const offer = [architecture(arch), type.toLowerCase(), mode.toLowerCase()];
      return wanted.every(([, value], index) => value === undefined || value === offer[index]);
    });
    if (!offered) {
      const asked = wanted.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`])).join(', ');
      return reject('unable to run the image', `it does not offer ${asked}`);
    }
  }
  const range = properties['img_hv_requested_version'] ?? properties['hypervisor_version_requires'];
  if (range !== undefined && !satisfies(facts.hypervisorVersion, range))
    return reject('of an unsuitable hypervisor version', `its hypervisor version ${facts.hypervisorVersion} is not ${range}`);
  const bits = Number(properties['hw_maxphysaddr_bits'] ?? 0);
  const hostBits = addressBits(facts.cpuInfo['maxphysaddr']);
  return bits > hostBits ? reject('of too few address bits', `its processors address ${hostBits} bits, not ${bits}`) : pass;
}

/** Keeps hosts that can run what the image says it needs: architecture, hypervisor type and vm mode together in one offer of the host, and the hypervisor's version. */
export const imagePropertiesFilter: HostFilter = {
  name: 'ImagePropertiesFilter',
  once: true,
  onRebuild: true,
  check: ({ facts }, { spec, settings }) => imageMisfit(facts, spec.image?.properties ?? {}, settings),
};

const addressBits = (said: unknown): number => {
  const bits = typeof said === 'object' && said !== null ? (said as { readonly bits?: unknown }).bits : undefined;
  return Number(bits ?? 0) || 0;
};

/** Whether a version fits all comparisons of a predicate such as `>=6.0.0,<9`. */
function satisfies(version: number, predicate: string): boolean {
  return predicate.split(',').every((part) => {
    const [, operator = '', text = ''] = /^\s*(>=|<=|==|!=|>|<)\s*([\d.]+)\s*$/.exec(part) ?? [];
    const [major = 0, minor = 0, micro = 0] = text.split('.').map(Number);
    const bound = major * 1_000_000 + minor * 1000 + micro;
    switch (operator) {
      case '>=':
        return version >= bound;
      case '<=':
        return version <= bound;
      case '==':
        return version === bound;
      case '!=':
        return version !== bound;
      case '>':
        return version > bound;
      case '<':
        return version < bound;
      default:
        return false; // a predicate that cannot be read is not satisfied
    }
  });
}

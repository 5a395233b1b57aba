import { cpuPlacementOf } from '../../../domain/numa/cpu-policies.ts';
import { wishOf } from '../../../domain/numa/wishes.ts';
import { customName } from '../../../domain/pci/pci-pool.ts';
import type { PciRequest } from '../../../domain/pci/pci-request.ts';
import type { RequestGroup, RequestSpec } from '../../../domain/request-spec.ts';
import { invalid } from '../../../lib/errors.ts';
import { extraSpecGroups, type DraftGroup } from './extra-spec-groups.ts';
import { featureDemands } from './feature-demands.ts';

/** What one or more providers of a host must have. */
export interface ResourceGroup {
  /** Empty for what any provider of the host may give. */
  readonly suffix: string;
  readonly resources: Readonly<Record<string, number>>;
  /** Traits in order, those that must not be there after the others and with `!`. */
  readonly required: readonly string[];
}

export interface ResourceRequest {
  readonly main: ResourceGroup;
  readonly others: readonly ResourceGroup[];
  readonly groupPolicy: 'none' | 'isolate' | null;
  readonly sameSubtree: readonly (readonly string[])[];
}

export interface TranslateOptions {
  /** False asks for VCPU where processors are to be dedicated, as hosts need it that were never told which ones are. */
  readonly pinning: boolean;
  /** PCI devices that placement counts. */
  readonly pci: readonly PciRequest[];
}

type Wishes = Pick<RequestSpec, 'flavor' | 'image' | 'isBootedFromVolume' | 'requestGroups' | 'sameSubtree'>;

/** Translates flavor, image and ports into resources and traits. */
export function resourceRequest(spec: Wishes, { pinning, pci }: TranslateOptions): ResourceRequest {
  const { flavor, image } = spec;
  const { groups, groupPolicy } = extraSpecGroups(flavor.extraSpecs);
  const main = groups.get('')!;
  for (const trait of imageTraits(image?.properties ?? {})) main.required.add(trait);
  if (pinning) addPinning(spec, main);
  const requested: readonly RequestGroup[] = [...(spec.requestGroups ?? []), ...pci.flatMap(pciGroups)];
  addDefaults(spec, main, [...groups.values()].map(({ resources }) => resources), requested); // prettier-ignore
  for (const demand of featureDemands) demand(spec, main);
  const ofFlavor = [...groups]
    .filter(([suffix, group]) => suffix !== '' && !isEmpty(group))
    .map(([suffix, group]) => finished(suffix, group));
  const others = [...ofFlavor, ...requested.map(finishedRequest)];
  return {
    main: finished('', main),
    others,
    // with one group of the flavor at most, nobody can have meant them to be apart
    groupPolicy: groupPolicy ?? (others.length >= 2 && ofFlavor.length <= 1 ? 'none' : null),
    sameSubtree: spec.sameSubtree ?? [],
  };
}

/** Whether a request asks for processors of its own by a policy, so that hosts without PCPU may be asked for VCPU instead. */
export function asksForPinning({ flavor, image }: Pick<RequestSpec, 'flavor' | 'image'>): boolean {
  const said = wishOf({ flavor, image }, 'cpu_policy');
  return (said.flavor !== null || said.image !== null) && cpuPlacementOf({ flavor, image }).policy !== 'shared';
}

function imageTraits(properties: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(properties).flatMap(([key, value]) => {
    const trait = /^trait:([A-Z0-9_]+)$/.exec(key)?.[1];
    return trait !== undefined && value === 'required' ? [trait] : [];
  });
}

function addPinning(spec: Pick<RequestSpec, 'flavor' | 'image'>, main: DraftGroup): void {
  if (!asksForPinning(spec)) return;
  const { policy, threadPolicy, emulatorThreads, pinned } = cpuPlacementOf(spec);
  if (policy === 'shared') return;
  const { vcpus } = spec.flavor;
  main.resources.set('PCPU', pinned.length + (emulatorThreads === 'isolate' ? 1 : 0));
  if (policy === 'mixed') main.resources.set('VCPU', vcpus - pinned.length);
  if (threadPolicy === 'require') main.required.add('HW_CPU_HYPERTHREADING');
  if (threadPolicy === 'isolate') main.forbidden.add('HW_CPU_HYPERTHREADING');
}

function addDefaults(
  { flavor, isBootedFromVolume }: Wishes,
  { resources }: DraftGroup,
  ofFlavor: readonly ReadonlyMap<string, number>[],
  requested: readonly RequestGroup[],
): void {
  const asked = (name: string): boolean =>
    ofFlavor.some((amounts) => amounts.has(name)) || requested.some((group) => Object.hasOwn(group.resources, name));
  if (!asked('VCPU') && !asked('PCPU')) resources.set('VCPU', flavor.vcpus);
  if (!asked('MEMORY_MB')) resources.set('MEMORY_MB', flavor.memoryMb);
  const disk = flavor.ephemeralGb + Math.ceil(flavor.swapMb / 1024) + (isBootedFromVolume ? 0 : flavor.rootGb);
  if (!asked('DISK_GB')) resources.set('DISK_GB', disk);
}

/** One group for each device, so that each may come from another card. */
function pciGroups({ id, count, specs, alias }: PciRequest): readonly RequestGroup[] {
  const [spec, ...more] = specs;
  if (spec === undefined || more.length > 0)
    throw invalid(`PCI alias ${alias ?? id} must say exactly one kind of device where placement counts devices.`);
  if (spec.resourceClass === undefined && (spec.vendorId === undefined || spec.productId === undefined))
    throw invalid(`PCI alias ${alias ?? id} must name a resource class, or vendor and product, where placement counts devices.`);
  const resourceClass = spec.resourceClass ?? customName(`PCI_${spec.vendorId}_${spec.productId}`);
  const live = spec.liveMigratable;
  return Array.from({ length: count }, (_, index) => ({
    requesterId: `${id}-${index}`,
    from: 'pci' as const,
    resources: { [resourceClass]: 1 },
    required: [...(spec.traits ?? []), ...(live === true ? ['HW_PCI_LIVE_MIGRATABLE'] : []), 'OWNER_NOVA'],
    forbidden: live === false ? ['HW_PCI_LIVE_MIGRATABLE'] : [],
  }));
}

const isEmpty = ({ resources, required, forbidden }: DraftGroup): boolean =>
  [...resources.values()].every((amount) => amount === 0) && required.size === 0 && forbidden.size === 0;

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const traitsOf = (required: Iterable<string>, forbidden: Iterable<string>): readonly string[] => [
  ...[...new Set(required)].toSorted(byName),
  ...[...new Set(forbidden)].toSorted(byName).map((trait) => `!${trait}`),
];

const finished = (suffix: string, { resources, required, forbidden }: DraftGroup): ResourceGroup => ({
  suffix,
  resources: Object.fromEntries([...resources].filter(([, amount]) => amount > 0)),
  required: traitsOf(required, forbidden),
});

const finishedRequest = ({ requesterId, resources, required, forbidden }: RequestGroup): ResourceGroup => ({
  suffix: requesterId,
  resources: Object.fromEntries(Object.entries(resources).filter(([, amount]) => amount > 0)),
  required: traitsOf(required, forbidden),
});

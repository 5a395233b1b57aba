import { invalid } from '../../lib/errors.ts';
import { parseCpuSet } from './cpu-set.ts';
import type { CpuPolicy, CpuThreadPolicy, EmulatorThreads } from './guest-topology.ts';
import { choiceOf, isYes, wishOf, type Wishes } from './wishes.ts';

/** How the vCPUs of a guest are placed. */
export interface CpuPlacement {
  readonly policy: CpuPolicy;
  readonly threadPolicy: CpuThreadPolicy | null;
  readonly emulatorThreads: EmulatorThreads | null;
  /** vCPUs that have a processor for themselves. */
  readonly pinned: readonly number[];
  /** vCPUs with realtime scheduling. */
  readonly realtime: readonly number[];
}

/** Reads and judges everything flavor and image say of processors. */
export function cpuPlacementOf(wishes: Wishes): CpuPlacement {
  const policy = policyOf(wishes);
  const threadPolicy = threadPolicyOf(wishes, policy);
  const emulatorThreads = emulatorThreadsOf(wishes, policy);
  judgeExplicitResources(wishes, policy, emulatorThreads);
  const all = Array.from({ length: wishes.flavor.vcpus }, (_, cpu) => cpu);
  const realtime = realtimeOf(wishes, policy, emulatorThreads, all);
  const dedicated = dedicatedOf(wishes, policy, realtime, all);
  return { policy, threadPolicy, emulatorThreads, pinned: policy === 'dedicated' ? all : policy === 'mixed' ? dedicated : [], realtime };
}

function policyOf(wishes: Wishes): CpuPolicy {
  const { flavor, image } = choiceOf(wishes, 'cpu_policy', ['shared', 'dedicated', 'mixed']);
  if (flavor === 'dedicated') return flavor;
  if (flavor === null) {
    const asked = explicitly(wishes, 'PCPU') > 0 && image === null ? 'dedicated' : image;
    return asked ?? 'shared';
  }
  if (image !== null && image !== flavor && !(flavor === 'mixed' && image === 'shared'))
    throw invalid(`Image property 'hw_cpu_policy' is not permitted to override CPU pinning policy set against the flavor.`);
  return flavor;
}

function threadPolicyOf(wishes: Wishes, policy: CpuPolicy): CpuThreadPolicy | null {
  const { flavor, image } = choiceOf(wishes, 'cpu_thread_policy', ['prefer', 'isolate', 'require']);
  if (image !== null && flavor !== null && flavor !== 'prefer' && image !== flavor)
    throw invalid(`Image property 'hw_cpu_thread_policy' is not permitted to override CPU thread pinning policy set against the flavor.`);
  const chosen = flavor === null || flavor === 'prefer' ? (image ?? flavor) : flavor;
  if (chosen === null) return null;
  if (policy === 'shared') throw invalid('Cannot set cpu thread pinning policy in a non dedicated CPU policy.');
  if (wishes.flavor.extraSpecs['trait:HW_CPU_HYPERTHREADING'] !== undefined && chosen !== 'prefer')
    throw invalid("The flavor's 'hw:cpu_thread_policy' and its trait HW_CPU_HYPERTHREADING exclude each other.");
  return chosen;
}

function emulatorThreadsOf(wishes: Wishes, policy: CpuPolicy): EmulatorThreads | null {
  const { flavor, image } = choiceOf(wishes, 'emulator_threads_policy', ['share', 'isolate']);
  const chosen = flavor ?? image;
  if (chosen === 'isolate' && policy === 'shared')
    throw invalid(`An isolated CPU emulator threads option requires a dedicated CPU policy option.`);
  return chosen;
}

/** Amount of a class that the flavor names by itself, in whichever group. */
function explicitly({ flavor }: Wishes, resourceClass: string): number {
  return Object.entries(flavor.extraSpecs)
    .filter(([key]) => /^resources[A-Za-z0-9_-]*:/.test(key) && key.endsWith(`:${resourceClass}`))
    .reduce((sum, [, amount]) => sum + (/^\d+$/.test(amount) ? Number(amount) : 0), 0);
}

function judgeExplicitResources(wishes: Wishes, policy: CpuPolicy, emulatorThreads: EmulatorThreads | null): void {
  const [shared, dedicated] = [explicitly(wishes, 'VCPU'), explicitly(wishes, 'PCPU')];
  if (shared === 0 && dedicated === 0) return;
  const said = wishOf(wishes, 'cpu_policy');
  if (said.flavor !== null || said.image !== null)
    throw invalid("A CPU policy cannot be specified together with an explicit amount of 'VCPU' or 'PCPU' in the flavor.");
  if (shared > 0 && dedicated > 0) throw invalid("The flavor cannot ask for both 'VCPU' and 'PCPU'.");
  const wanted = wishes.flavor.vcpus + (emulatorThreads === 'isolate' ? 1 : 0);
  if (policy === 'dedicated' && dedicated !== wanted)
    throw invalid(`The flavor asks for ${dedicated} of 'PCPU', which must be ${wanted} for its ${wishes.flavor.vcpus} vCPUs.`);
}

/** A set of vCPUs; one that begins with `^` is all but those. */
function maskOf(text: string, all: readonly number[], refuse: () => never): readonly number[] {
  const cpus = text.startsWith('^')
    ? all.filter((cpu) => parseCpuSet(text.replaceAll('^', '')).every((excluded) => excluded !== cpu))
    : parseCpuSet(text);
  return cpus.length === 0 || cpus.some((cpu) => cpu >= all.length) ? refuse() : cpus;
}

function realtimeOf(wishes: Wishes, policy: CpuPolicy, emulatorThreads: EmulatorThreads | null, all: readonly number[]): readonly number[] {
  const { flavor, image } = wishOf(wishes, 'cpu_realtime');
  if (!isYes(flavor) && !isYes(image)) return [];
  if (policy === 'shared') throw invalid("Realtime policy requires dedicated or mixed CPU policy ('hw:cpu_policy').");
  const said = wishOf(wishes, 'cpu_realtime_mask');
  const refuse = (): never => {
    throw invalid(
      'Realtime policy needs vCPU(s) mask configured with at least 1 RT vCPU and 1 ordinary vCPU. See hw:cpu_realtime_mask or hw_cpu_realtime_mask.',
    );
  };
  const mask = said.image ?? said.flavor;
  if (mask === null) return emulatorThreads === null ? refuse() : all;
  const realtime = maskOf(mask, all, refuse);
  return realtime.length === all.length && emulatorThreads === null ? refuse() : realtime;
}

function dedicatedOf(wishes: Wishes, policy: CpuPolicy, realtime: readonly number[], all: readonly number[]): readonly number[] {
  const said = wishOf(wishes, 'cpu_dedicated_mask');
  if (said.flavor === null) {
    if (policy === 'mixed' && realtime.length === 0)
      throw invalid(
        "Dedicated CPU set can only be specified via 'hw:cpu_dedicated_mask' or 'hw:cpu_realtime_mask' when using 'mixed' CPU policy.",
      );
    return realtime;
  }
  if (policy !== 'mixed') throw invalid("'hw:cpu_dedicated_mask' can only be specified with the 'mixed' CPU policy.");
  if (realtime.length > 0)
    throw invalid("'hw:cpu_dedicated_mask' and 'hw:cpu_realtime_mask' cannot both be given with the 'mixed' CPU policy.");
  const refuse = (): never => {
    throw invalid("'hw:cpu_dedicated_mask' must name at least one vCPU and leave at least one.");
  };
  const dedicated = maskOf(said.flavor, all, refuse);
  return dedicated.length === all.length ? refuse() : dedicated;
}

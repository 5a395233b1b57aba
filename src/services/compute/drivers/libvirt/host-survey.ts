import { access, constants } from 'node:fs/promises';
import type { Settings } from '../../../../config/index.ts';
import { probeGuest } from '../../../../lib/command/probe-guest.ts';
import { invalid } from '../../../../lib/errors.ts';
import { getCapabilities, getDomainCapabilities, getHostname, getVersions, type LibvirtClient } from '../../../../lib/libvirt/index.ts';
import type { Log } from '../../../../lib/log.ts';
import type { HostInventory } from '../driver.ts';
import { cpuTraits } from './cpu-traits.ts';
import type { DomainHost } from './domain-xml.ts';
import { spiceScreens } from './guest-consoles.ts';
import { readDomainCapabilities, readHostCapabilities, type HostCapabilities } from './host-capabilities.ts';
import { takesDirectIo } from './host-facts.ts';

/** What is found out once about a host: what every domain of it has in common, and what never changes of its inventory. */
export interface HostSurvey {
  readonly domain: Omit<DomainHost, 'directory' | 'serial'>;
  readonly facts: Pick<HostInventory, 'hostname' | 'hypervisorType' | 'hypervisorVersion' | 'cpuInfo' | 'supportedInstances' | 'traits'>;
}

export async function surveyHost(client: LibvirtClient, settings: Settings, instancesPath: string, log: Log): Promise<HostSurvey> {
  const { libvirt, vnc, kilonova } = settings;
  const capabilities = readHostCapabilities(await getCapabilities(client));
  const virtType = await chooseVirtType(settings, capabilities, log);
  const [hostname, versions, domainXml] = await Promise.all([
    getHostname(client),
    getVersions(client),
    getDomainCapabilities(client, { arch: 'x86_64', machine: 'pc', virtType }),
  ]);
  const domains = readDomainCapabilities(domainXml);
  const cpu = cpuOf(settings, virtType, domains.cpuModes);
  const directIo = await takesDirectIo(instancesPath);
  return {
    domain: {
      virtType,
      cloudId: kilonova.cloud_id,
      cpu,
      diskFormat: diskFormatOf(settings),
      diskCache: cacheModeOf(libvirt.disk_cachemodes) ?? (directIo ? 'none' : 'writeback'),
      diskDiscard: libvirt.hw_disk_discard === '' ? null : libvirt.hw_disk_discard,
      vncListen: vnc.enabled ? vnc.server_listen : null,
      spice: spiceScreens(settings),
      rngPath: await access(libvirt.rng_dev_path, constants.R_OK).then(
        () => libvirt.rng_dev_path,
        () => null,
      ),
      memoryStatsPeriod: libvirt.mem_stats_period_seconds > 0 ? libvirt.mem_stats_period_seconds : null,
      pciePorts: libvirt.num_pcie_ports,
    },
    facts: {
      hostname,
      hypervisorType: 'QEMU',
      hypervisorVersion: versions.hypervisor,
      cpuInfo: capabilities.cpuInfo,
      supportedInstances: capabilities.supportedInstances.filter(([, type]) => type === virtType || type === 'qemu'),
      traits: [
        ...domains.traits,
        ...cpuTraits(featuresOf(cpu.mode, capabilities.features, domains.modelFeatures)),
        ...(capabilities.hyperthreaded ? ['HW_CPU_HYPERTHREADING'] : []),
      ],
    },
  };
}

/** `auto` takes KVM only where a guest was seen running under it; asked for, it must work. */
async function chooseVirtType({ libvirt }: Settings, { domainTypes }: HostCapabilities, log: Log): Promise<'kvm' | 'qemu'> {
  if (libvirt.virt_type === 'lxc') throw invalid("[libvirt] virt_type 'lxc' is not supported by this driver.");
  if (libvirt.virt_type === 'qemu') return 'qemu';
  const reason = domainTypes.includes('kvm') ? await probeGuest('kvm') : 'libvirt has no KVM';
  if (reason === null) return 'kvm';
  if (libvirt.virt_type === 'kvm') throw invalid(`[libvirt] virt_type is 'kvm', but KVM does not run a guest on this host: ${reason}.`);
  log.info({ reason }, 'KVM does not run a guest here; guests are emulated');
  return 'qemu';
}

function cpuOf({ libvirt }: Settings, virtType: 'kvm' | 'qemu', supported: readonly string[]): DomainHost['cpu'] {
  const mode = libvirt.cpu_mode === '' ? (virtType === 'kvm' ? 'host-model' : 'none') : libvirt.cpu_mode;
  if (mode === 'none') return { mode: null, model: null };
  if (!supported.includes(mode))
    throw invalid(
      `[libvirt] cpu_mode '${mode}' does not work for guests of type ${virtType} on this host; it must be one of ${supported.join(', ')} or none.`,
    );
  if (mode !== 'custom') return { mode, model: null };
  const [model] = libvirt.cpu_models;
  if (model === undefined) throw invalid("[libvirt] cpu_mode 'custom' needs cpu_models.");
  return { mode, model };
}

/** What a guest may count on: nothing where it gets QEMU's own processor or one named by the operator. */
function featuresOf(mode: DomainHost['cpu']['mode'], ofHost: readonly string[], ofModel: readonly string[]): readonly string[] {
  if (mode === 'host-passthrough') return ofHost;
  return mode === 'host-model' || mode === 'maximum' ? ofModel : [];
}

function cacheModeOf(modes: readonly string[]): string | null {
  for (const entry of modes) {
    const [type, mode] = entry.split('=');
    if (type !== 'file' || mode === undefined) continue;
    if (!['default', 'none', 'writethrough', 'writeback', 'directsync', 'unsafe'].includes(mode))
      throw invalid(`[libvirt] disk_cachemodes: '${mode}' is not a cache mode.`);
    return mode;
  }
  return null;
}

/** What disks of guests are: overlays of their images, or whole files without a base. */
export const diskFormatOf = ({ libvirt }: Settings): 'qcow2' | 'raw' => (libvirt.images_type === 'raw' ? 'raw' : 'qcow2');

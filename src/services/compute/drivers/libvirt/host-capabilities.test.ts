import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cpuTraits } from './cpu-traits.ts';
import { readDomainCapabilities, readHostCapabilities } from './host-capabilities.ts';

/** What libvirt 9.0 says on a machine with an AMD processor. */
const said = (name: string): string => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');

describe('what libvirt says of a host', () => {
  it('is its processor and what it runs', () => {
    const host = readHostCapabilities(said('capabilities.xml'));
    expect(host.cpuInfo).toMatchObject({
      arch: 'x86_64',
      model: 'kvm64',
      vendor: 'AMD',
      topology: { sockets: 1, cores: 2, threads: 1, cells: 1 },
    });
    expect([host.hyperthreaded, host.domainTypes]).toEqual([false, ['qemu', 'kvm']]);
    expect(host.supportedInstances).toContainEqual(['x86_64', 'qemu', 'hvm']);
  });

  it('is nothing where it says nothing', () => {
    const host = readHostCapabilities('<capabilities/>');
    expect([host.supportedInstances, host.features, host.domainTypes]).toEqual([[], [], []]);
  });

  it('becomes traits', () => {
    const { traits, cpuModes } = readDomainCapabilities(said('domain-capabilities.xml'));
    expect(cpuModes).toEqual(['maximum', 'host-model', 'custom']);
    expect(traits).toEqual(
      expect.arrayContaining([
        'COMPUTE_STORAGE_BUS_VIRTIO',
        'COMPUTE_GRAPHICS_MODEL_QXL',
        'COMPUTE_NET_VIF_MODEL_VIRTIO',
        'HW_ARCH_X86_64',
      ]),
    );
    expect(traits).not.toContain('COMPUTE_SECURITY_UEFI_SECURE_BOOT');
  });
});

describe('cpuTraits', () => {
  it("knows placement's words for features", () => {
    expect(cpuTraits(['aes', 'sse4.1', 'svm', 'never-heard-of', 'constructor'])).toEqual([
      'HW_CPU_X86_AESNI',
      'HW_CPU_X86_AMD_SVM',
      'HW_CPU_X86_SSE41',
      'HW_CPU_X86_SVM',
    ]);
  });
});

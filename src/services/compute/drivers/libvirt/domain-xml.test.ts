import { describe, expect, it } from 'vitest';
import { parseXml } from '../../../../lib/xml/parse.ts';
import { attributeAt, findAll, textAt } from '../../../../lib/xml/query.ts';
import { tinyGuest } from '../conformance.ts';
import type { DiskSpec, GuestSpec, VolumeSpec } from '../driver.ts';
import { domainXml, type DomainHost } from './domain-xml.ts';
import { cloudOfMark } from './guest-mark.ts';

const id = '6f1a3c5e-1111-4222-8333-444455556666';
const host: DomainHost = {
  virtType: 'qemu',
  cloudId: 'cloud-1',
  directory: `/var/lib/nova/instances/${id}`,
  cpu: { mode: null, model: null },
  diskFormat: 'qcow2',
  diskCache: 'none',
  diskDiscard: null,
  vncListen: '127.0.0.1',
  rngPath: '/dev/urandom',
  memoryStatsPeriod: 10,
  pciePorts: 0,
};
const guest = (changes: Partial<GuestSpec> = {}): GuestSpec => tinyGuest({ id, name: 'instance-00000001', ...changes });
const root: DiskSpec = { file: 'disk', device: 'disk', bus: null, content: { kind: 'image', base: null }, bytes: 1024 ** 3, bootIndex: 1 };
const devices = { guestAgent: true, rng: true, video: null, tablet: true, watchdog: null, scsiModel: null };
const port = {
  portId: 'p',
  macAddress: 'fa:16:3e:aa:bb:cc',
  device: 'tap12345678-12',
  bridge: 'brq7f8b3c5e-00',
  model: 'virtio',
  mtu: 1450,
};
const volume = (
  volumeId: string,
  changes: Partial<VolumeSpec>,
  connection: Partial<NonNullable<VolumeSpec['connection']>> = {},
): VolumeSpec => ({
  volumeId,
  device: 'disk',
  bus: null,
  target: '',
  bootIndex: null,
  shareable: false,
  ...changes,
  connection: {
    transport: { kind: 'unix', socket: `/run/kilonova/${volumeId}` },
    exportName: `export-${volumeId.slice(0, 8)}`,
    format: 'raw',
    accessMode: 'rw',
    volumeId,
    bytes: 1024 ** 3,
    reconnectSeconds: 30,
    discard: true,
    qos: {},
    encryption: null,
    ...connection,
  },
});
const ordinary = guest({
  memoryMb: 512,
  vcpus: 2,
  cpu: { topology: { sockets: 2, cores: 1, threads: 1 } },
  disks: [root],
  interfaces: [port],
  devices,
  configDrive: { format: 'iso9660', bus: null, files: () => [] },
});

describe('domainXml', () => {
  it.each<[string, GuestSpec, Partial<DomainHost>]>([
    ['ordinary-qemu', ordinary, {}],
    ['ordinary-kvm', ordinary, { virtType: 'kvm', cpu: { mode: 'host-model', model: null } }],
    [
      'volumes',
      guest({
        disks: [{ ...root, file: 'disk.eph0', content: { kind: 'blank' }, bootIndex: null }],
        volumes: [
          volume('aaaaaaaa-1111-4222-8333-444455556666', { target: 'vda', bootIndex: 0 }),
          volume(
            'bbbbbbbb-1111-4222-8333-444455556666',
            { target: 'vdc', shareable: true },
            { transport: { kind: 'tcp', host: '192.0.2.7', port: 10_809, tls: true } },
          ),
          volume(
            'cccccccc-1111-4222-8333-444455556666',
            { target: 'vdb', bus: 'scsi' },
            {
              accessMode: 'ro',
              qos: { total_iops_sec: 100 },
              encryption: {
                provider: 'luks',
                cipher: 'aes-xts-plain64',
                keySize: 256,
                controlLocation: 'front-end',
                keyId: 'k',
                passphrase: 'never in the definition',
              },
            },
          ),
        ],
      }),
      {},
    ],
    [
      'everything',
      guest({
        disks: [root, { ...root, file: 'disk.eph0', bus: 'scsi', bootIndex: null }, { ...root, file: 'disk.swap', bootIndex: null }],
        configDrive: { format: 'vfat', bus: 'virtio', files: () => [] },
        interfaces: [port, { ...port, model: 'e1000', mtu: null, device: 'tap2' }],
        devices: { ...devices, video: 'qxl', watchdog: 'reset', scsiModel: 'virtio-scsi' },
        limits: { cpuShares: 1024, cpuPeriod: 10_000, cpuQuota: 5000, disk: { read_iops_sec: 10, total_bytes_sec: 1000 } },
        machine: { type: 'q35', firmware: 'uefi', secureBoot: true, osType: 'windows', bootMenu: true, hideHypervisor: true },
      }),
      { virtType: 'kvm', cpu: { mode: 'custom', model: 'Nehalem' }, diskDiscard: 'unmap', pciePorts: 2, memoryStatsPeriod: null },
    ],
    [
      'consoles',
      guest({ devices: { ...devices, serialPorts: 2 } }),
      {
        vncListen: null,
        spice: {
          listen: '0.0.0.0',
          agent: true,
          tuning: [
            { element: 'image', attribute: 'compression', value: 'auto_glz' },
            { element: 'streaming', attribute: 'mode', value: 'filter' },
          ],
          secure: true,
        },
        serial: { host: '192.0.2.1', ports: [10_000, 10_001] },
      },
    ],
    ['iso-without-screen', guest({ disks: [{ ...root, device: 'cdrom', bytes: null }] }), { vncListen: null, rngPath: null }],
  ])('%s', async (name, spec, changes) => {
    await expect(domainXml(spec, { ...host, ...changes })).toMatchFileSnapshot(`golden/${name}.xml`);
  });

  it('carries the mark of its cloud', () => {
    const [mark] = /<kilonova:guest[\s\S]*<\/kilonova:guest>/.exec(domainXml(guest(), { ...host, cloudId: `a"><b>&'` })) ?? [''];
    expect(cloudOfMark(mark)).toBe(`a"><b>&'`);
  });

  it('holds names of users as text, whatever they are', () => {
    const hostile = [
      '</kilonova:name></metadata><devices><disk/></devices>',
      ']]><x/><![CDATA[',
      '&xxe; &#0; &lt;',
      `" onload='x`,
      'nul\u0000 bell\u0007 esc\u001b lone\ud800',
      '😀\u202e\ufffe',
      '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/shadow">]>',
      'line\r\nline\ttab',
    ];
    for (const text of hostile) {
      const about = {
        displayName: text,
        createdAt: text,
        flavorName: text,
        flavorId: text,
        projectId: text,
        projectName: text,
        userId: text,
        userName: text,
        imageId: text,
      };
      const xml = domainXml(guest({ about }), host);
      const parsed = parseXml(xml);
      expect(findAll(parsed, 'devices')).toHaveLength(1);
      expect(findAll(parsed, 'devices/disk')).toHaveLength(0);
      expect(textAt(parsed, 'uuid')).toBe(id);
      // oxlint-disable-next-line eslint/no-control-regex -- they must be gone
      expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe]/);
    }
  });

  it('puts disks of one bus one after the other, the config drive last', () => {
    const ide: DiskSpec = { ...root, bus: 'ide' };
    const spec = guest({ disks: [ide, { ...root, file: 'disk.eph0' }], configDrive: { format: 'iso9660', bus: null, files: () => [] } });
    const targets = findAll(parseXml(domainXml(spec, host)), 'devices/disk').map((disk) => attributeAt(disk, 'target', 'dev'));
    expect(targets).toEqual(['hda', 'vda', 'hdb']);
  });

  it('refuses more disks than a bus has', () => {
    const disks = Array.from({ length: 5 }, (_, index): DiskSpec => ({ ...root, file: `disk.eph${index}`, bus: 'ide' }));
    expect(() => domainXml(guest({ disks }), host)).toThrow("more than 4 disks on the bus 'ide'");
  });

  it('refuses Secure Boot where it cannot be', () => {
    const machine = { ...guest().machine, secureBoot: true };
    expect(() => domainXml(guest({ machine }), host)).toThrow('Secure Boot needs');
  });
});

import { describe, expect, it } from 'vitest';
import { readSettings } from '../../config/index.ts';
import type { BlockDevice, InstanceImage } from '../../domain/instance.ts';
import { guestSpec, type GuestSpecInputs } from './guest-spec.ts';
import { flavor, order, vif } from './test-support/world.ts';
import { sampleInstanceImage } from '../../../test/support/samples.ts';

const { settings } = readSettings('');
const gib = 1024 ** 3;
const base = { path: '/base', format: 'qcow2', virtualBytes: gib / 2 } as const;
const inputs: GuestSpecInputs = { settings, base, configDriveFiles: null, real: true };
const image = (properties: Record<string, string> = {}, diskFormat = 'qcow2'): InstanceImage =>
  sampleInstanceImage({ id: 'image', name: null, diskFormat, properties });
const blank = (changes: Partial<BlockDevice>): BlockDevice => ({
  uuid: 'b',
  sourceType: 'blank',
  destinationType: 'local',
  bootIndex: null,
  deviceType: null,
  diskBus: null,
  deviceName: null,
  guestFormat: null,
  volumeSize: null,
  imageId: null,
  volumeId: null,
  snapshotId: null,
  volumeType: null,
  deleteOnTermination: true,
  tag: null,
  attachmentId: null,
  ...changes,
});

describe('the disks of a guest', () => {
  const disks = (changes: Parameters<typeof order>[0]) =>
    guestSpec(order({ image: image(), ...changes }), inputs).disks.map(({ file, bytes, content }) => [
      file,
      bytes,
      content.kind === 'image' ? 'image' : content.format,
    ]);
  const format = (fileSystem: string, label = 'ephemeral0') => ({ fileSystem, label });

  it('are root, ephemeral and swap', () => {
    expect(disks({ flavor: flavor({ rootGb: 2, ephemeralGb: 3, swapMb: 64 }) })).toEqual([
      ['disk', 2 * gib, 'image'],
      ['disk.eph0', 3 * gib, format('vfat')],
      ['disk.swap', 64 * 1024 ** 2, format('swap', 'swap')],
    ]);
  });
  it('are as many ephemeral ones as were asked for, and as much swap', () => {
    const blockDevices = [
      blank({ volumeSize: 1 }),
      blank({ volumeSize: 2, guestFormat: 'xfs' }),
      blank({ guestFormat: 'swap', volumeSize: 32 }),
    ];
    expect(disks({ flavor: flavor({ ephemeralGb: 3, swapMb: 64 }), blockDevices }).slice(1)).toEqual([
      ['disk.eph0', gib, format('vfat')],
      ['disk.eph1', 2 * gib, format('xfs', 'ephemeral1')],
      ['disk.swap', 32 * 1024 ** 2, format('swap', 'swap')],
    ]);
  });
  it('have the file system that the operator or the kind of system says', () => {
    const formatted = flavor({ ephemeralGb: 1 });
    expect(disks({ flavor: formatted, imageProperties: { os_type: 'linux' } }).at(-1)).toEqual(['disk.eph0', gib, format('ext4')]);
    const { settings } = readSettings('[DEFAULT]\ndefault_ephemeral_format = xfs\n');
    const [, ephemeral] = guestSpec(order({ image: image(), flavor: formatted }), { ...inputs, settings }).disks;
    expect(ephemeral?.content).toEqual({ kind: 'blank', format: format('xfs') });
    const blockDevices = [blank({ volumeSize: 1, guestFormat: 'reiserfs' })];
    expect(() => disks({ flavor: formatted, blockDevices })).toThrow("'guest_format' must be one of ext4, xfs, vfat, swap.");
  });
  it('are as large as the image when the flavor says nothing', () => {
    expect(disks({ flavor: flavor({ rootGb: 0 }) })).toEqual([['disk', null, 'image']]);
  });
  it('are none that the image does not fit on', () => {
    const large = { ...inputs, base: { ...base, virtualBytes: 2 * gib } };
    expect(() => guestSpec(order({ image: image() }), large)).toThrow("Flavor's disk is too small for requested image.");
  });
  it('are a CD-ROM for an ISO image', () => {
    expect(guestSpec(order({ image: image({}, 'iso') }), inputs).disks).toMatchObject([{ device: 'cdrom', bytes: null }]);
  });
  it('have no root beside the volume a guest boots from', () => {
    const blockDevices = [blank({ destinationType: 'volume', sourceType: 'volume', volumeId: 'v', bootIndex: 0 })];
    expect(guestSpec(order({ image: null, blockDevices }), inputs).disks).toEqual([]);
    expect(guestSpec(order({ blockDevices: [{ ...blockDevices[0]!, bootIndex: null }] }), inputs).disks).toHaveLength(1);
  });
});

describe('the ports of a guest', () => {
  it('go into the bridge of their network', () => {
    const port = vif({ portId: '12345678-1234-4234-8234-123456789012' });
    const [plain, named] = guestSpec(order({ networkInfo: [port, { ...port, vifDetails: { bridge_name: 'br-x' } }] }), inputs).interfaces;
    expect(plain).toEqual({
      portId: port.portId,
      macAddress: port.macAddress,
      device: 'tap12345678-12',
      bridge: 'brq7f8b3c5e-00',
      model: 'virtio',
      mtu: 1450,
    });
    expect(named?.bridge).toBe('br-x');
  });
  it.each([{ bridge_name: 'a/b' }, { bridge_name: '-x' }, { bridge_name: 'a'.repeat(16) }, { bridge_name: 'a b' }])(
    'refuse the bridge %j',
    (vifDetails) => {
      expect(() => guestSpec(order({ networkInfo: [vif({ vifDetails })] }), inputs)).toThrow('names a bridge that cannot be one');
    },
  );
  it('are refused when they are bound in a way the host cannot plug', () => {
    expect(() => guestSpec(order({ networkInfo: [vif({ vifType: 'ovs' })] }), inputs)).toThrow("bound as 'ovs'");
  });
});

describe('properties of the image', () => {
  it('shape the guest', () => {
    const properties = { hw_disk_bus: 'scsi', hw_vif_model: 'e1000', hw_machine_type: 'pc-q35-7.2', hw_firmware_type: 'uefi', hw_qemu_guest_agent: 'yes', hw_video_model: 'vga', hw_watchdog_action: 'disabled', hw_cdrom_bus: 'sata' }; // prettier-ignore
    const spec = guestSpec(order({ image: image(properties), networkInfo: [vif()] }), { ...inputs, configDriveFiles: () => [] });
    expect([spec.disks[0]?.bus, spec.interfaces[0]?.model, spec.machine.type, spec.machine.firmware, spec.devices.guestAgent, spec.devices.video, spec.devices.watchdog, spec.configDrive?.bus]).toEqual([
      'scsi', 'e1000', 'pc-q35-7.2', 'uefi', true, 'vga', null, 'sata',
    ]); // prettier-ignore
  });
  it.each([
    'hw_disk_bus',
    'hw_vif_model',
    'hw_machine_type',
    'hw_firmware_type',
    'hw_qemu_guest_agent',
    'hw_video_model',
    'hw_watchdog_action',
    'hw_scsi_model',
    'hw_pointer_model',
    'os_type',
    'hw_boot_menu',
    'hw_cpu_sockets',
    'hw_cpu_max_threads',
  ])('refuse nonsense in %s', (key) => {
    for (const value of ["pc,accel=tcg -device x'/>", '../../x', '\n', '-1', '１']) {
      expect(() => guestSpec(order({ image: image({ [key]: value }), networkInfo: [vif()] }), inputs), `${key}=${value}`).toThrow(
        /image's property/,
      );
    }
  });
  it('called like something every object has are nothing', () => {
    expect(guestSpec(order({ image: image({ constructor: 'x', __proto__: 'y' }) }), inputs).machine.type).toBe(null);
  });
});

describe('the serial ports of a guest', () => {
  const consoles = readSettings('[serial_console]\nenabled = True\n').settings;
  const ports = (ofFlavor: string | null, ofImage: string | null, at = consoles) =>
    guestSpec(
      order({
        image: image(ofImage === null ? {} : { hw_serial_port_count: ofImage }),
        flavor: flavor({ extraSpecs: ofFlavor === null ? {} : { 'hw:serial_port_count': ofFlavor } }),
      }),
      { ...inputs, settings: at },
    ).devices.serialPorts;

  it.each([
    [null, null, 1],
    ['3', null, 3],
    [null, '2', 2],
    ['3', '2', 2],
    ['0', null, 1],
  ])('are, where the flavor says %s and the image %s: %i', (ofFlavor, ofImage, count) => {
    expect(ports(ofFlavor, ofImage)).toBe(count);
  });
  it.each([
    ['2', '3', 'Forbidden to exceed flavor value of number of serial ports'],
    ['4', null, 'Maximum number of serial ports exceeded'],
    ['many', null, 'Number of serial ports specified in flavor is invalid'],
  ])('are refused where the flavor says %s and the image %s', (ofFlavor, ofImage, message) => {
    expect(() => ports(ofFlavor, ofImage)).toThrow(message);
  });
  it('are one, and nobody’s to choose, where they are no consoles', () => {
    expect(ports('many', '9', settings)).toBe(1);
  });
});

describe('extra specs of the flavor', () => {
  it('limit the guest', () => {
    const extraSpecs = {
      'quota:cpu_shares': '512',
      'quota:disk_read_iops_sec': '10',
      'hw_rng:allowed': 'False',
      'hw:watchdog_action': 'poweroff',
    };
    const spec = guestSpec(order({ flavor: flavor({ extraSpecs }) }), inputs);
    expect([spec.limits.cpuShares, spec.limits.disk, spec.devices.rng, spec.devices.watchdog]).toEqual([
      512,
      { read_iops_sec: 10 },
      false,
      'poweroff',
    ]);
  });
  it.each(['1e9', '', '0x10', "1'/><x", '9'.repeat(20)])('refuse %j as a number', (value) => {
    expect(() => guestSpec(order({ flavor: flavor({ extraSpecs: { 'quota:cpu_shares': value } }) }), inputs)).toThrow(
      'must be a whole number',
    );
  });
  it.each([
    ['hw:cpu_policy', 'dedicated'],
    ['hw:mem_page_size', 'large'],
    ['hw:numa_nodes', '2'],
    ['hw:tpm_version', '2.0'],
  ])('refuse %s=%s, which is not done here', (key, value) => {
    const wanting = order({ flavor: flavor({ extraSpecs: { [key]: value } }) });
    expect(() => guestSpec(wanting, inputs)).toThrow(`extra spec '${key}'`);
    expect(guestSpec(wanting, { ...inputs, real: false }).vcpus).toBe(1);
  });
  it('arrange the processors', () => {
    const topology = (vcpus: number, extraSpecs: Record<string, string>) => {
      const { sockets, cores, threads } = guestSpec(order({ flavor: flavor({ vcpus, extraSpecs }) }), inputs).cpu.topology;
      return [sockets, cores, threads];
    };
    expect(topology(4, {})).toEqual([4, 1, 1]);
    expect(topology(2, { 'hw:cpu_sockets': '1', 'hw:cpu_threads': '1' })).toEqual([1, 2, 1]);
    expect(topology(8, { 'hw:cpu_threads': '2', 'hw:cpu_max_sockets': '2' })).toEqual([2, 2, 2]);
    expect(() => topology(7, { 'hw:cpu_max_sockets': '2', 'hw:cpu_max_cores': '2', 'hw:cpu_max_threads': '2' })).toThrow(
      'No arrangement of 7 processors',
    );
  });
});

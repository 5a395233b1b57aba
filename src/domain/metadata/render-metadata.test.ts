import { array, assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configDriveFiles } from './config-drive-files.ts';
import { exampleMetadata } from './example-metadata.ts';
import type { InstanceMetadata } from './instance-metadata.ts';
import { renderMetadata, type RenderedMetadata } from './render-metadata.ts';
import { passwordPieces, storedPassword } from './stored-password.ts';

const randomSeed = new Uint8Array(512).fill(7);
const context = { requestAddress: '10.9.9.9', randomSeed: () => randomSeed, now: Date.parse('2026-11-21') };
const render = (path: string, metadata: InstanceMetadata = exampleMetadata): RenderedMetadata | null =>
  renderMetadata(metadata, path, context);
const textAt = (path: string, metadata?: InstanceMetadata): string | null => {
  const rendered = render(path, metadata);
  return rendered === null ? null : rendered.body.toString('latin1');
};
const jsonAt = (path: string, metadata?: InstanceMetadata): Record<string, unknown> => JSON.parse(textAt(path, metadata) ?? 'null');
const bare: InstanceMetadata = {
  ...exampleMetadata,
  publicKey: null,
  userData: null,
  metadata: {},
  networkInfo: [],
  blockDevices: [],
  rootDeviceName: null,
  devices: [],
  dedicatedCpus: [],
  files: [],
  adminPass: null,
};

describe('the EC2 tree', () => {
  const versions = '1.0\n2007-01-19\n2007-03-01\n2007-08-29\n2007-10-10\n2007-12-15\n2008-02-01\n2008-09-01\n2009-04-04\nlatest';
  it.each<[string, string | null]>([
    ['/', versions],
    ['/ec2', versions],
    ['/ec2/', versions],
    ['/latest', 'meta-data/\nuser-data'],
    [
      '/latest/meta-data',
      'ami-id\nami-launch-index\nami-manifest-path\nblock-device-mapping/\nhostname\ninstance-action\ninstance-id\ninstance-type\nlocal-hostname\nlocal-ipv4\nplacement/\npublic-hostname\npublic-ipv4\npublic-keys/\nreservation-id\nsecurity-groups',
    ],
    [
      '/1.0/meta-data/',
      'ami-id\nami-launch-index\nami-manifest-path\nhostname\ninstance-id\nlocal-ipv4\npublic-keys/\nreservation-id\nsecurity-groups',
    ],
    ['/ec2/latest/user-data', '#!/bin/sh\n\xff'],
    ['/latest/meta-data/ami-id', 'ami-12345678'],
    ['/latest/meta-data/ami-launch-index', '2'],
    ['/latest/meta-data/hostname', 'web-1.novalocal'],
    ['/latest/meta-data/instance-id', 'i-00000011'],
    ['/latest/meta-data/local-ipv4', '10.0.0.5'],
    ['/latest/meta-data/public-ipv4', '172.24.4.7'],
    ['/latest/meta-data/security-groups', 'default\nweb'],
    ['/latest/meta-data/public-keys', '0=my key'],
    ['/latest/meta-data/public-keys/0', 'openssh-key'],
    ['/latest/meta-data/public-keys/0/openssh-key', 'ssh-ed25519 AAAA me'],
    ['/latest/meta-data/block-device-mapping', 'ami\nebs0\nebs1\nephemeral0\nroot\nswap'],
    ['/latest/meta-data/block-device-mapping/ebs0', '/dev/vdd'],
    ['/latest/meta-data/block-device-mapping/ami', 'vda'],
    ['/latest/meta-data/block-device-mapping/swap', '/dev/vdc'],
    ['/latest/meta-data/placement/availability-zone', 'nova'],
    ['//latest/./meta-data//hostname/', 'web-1.novalocal'],
    ['/latest/../ec2/latest/meta-data/instance-type', 'm1.small'],
    ['/2007-01-19/meta-data/instance-type', null],
    ['/latest/meta-data/kernel-id', null],
    ['/latest/meta-data/hostname/deeper', null],
    ['/latest/meta-data/security-groups/0', null],
    ['/latest/meta-data/constructor', null],
    ['/latest/meta-data/%2e%2e', null],
    ['/2030-01-01/meta-data', null],
    ['/latest/nothing', null],
  ])('%s', (path, expected) => {
    expect(textAt(path)).toBe(expected);
  });

  it('without key, user data, addresses and root device', () => {
    expect(textAt('/latest', bare)).toBe('meta-data/');
    expect(textAt('/latest/user-data', bare)).toBeNull();
    expect(textAt('/latest/meta-data/public-keys', bare)).toBeNull();
    expect(textAt('/latest/meta-data/local-ipv4', bare)).toBe('10.9.9.9');
    expect(textAt('/latest/meta-data/public-ipv4', bare)).toBe('');
    expect(textAt('/latest/meta-data/block-device-mapping/root', bare)).toBe('/dev/sda1');
  });
});

const keys = (version: string): string[] => Object.keys(jsonAt(`/openstack/${version}/meta_data.json`, bare));
const nics = (version: string): unknown[] =>
  [jsonAt(`/openstack/${version}/meta_data.json`)['devices']].flat().filter((device) => JSON.stringify(device).includes('"nic"'));

describe('the OpenStack tree', () => {
  it.each<[string, string | null]>([
    [
      '/openstack',
      '2012-08-10\n2013-04-04\n2013-10-17\n2015-10-15\n2016-06-30\n2016-10-06\n2017-02-22\n2018-08-27\n2020-10-14\n2025-04-04\nlatest',
    ],
    ['/openstack/2012-08-10', 'meta_data.json\nuser_data'],
    ['/openstack/2013-04-04/', 'meta_data.json\nuser_data\npassword'],
    ['/openstack/latest', 'meta_data.json\nuser_data\npassword\nvendor_data.json\nnetwork_data.json\nvendor_data2.json'],
    ['/openstack/latest/user_data', '#!/bin/sh\n\xff'],
    ['/openstack/2012-08-10/password', null],
    ['/openstack/2012-08-10/vendor_data.json', null],
    ['/openstack/latest/meta_data.json/more', null],
    ['/openstack/content/0000', null],
    ['/openstack/2030-01-01', null],
    ['/openstack/latest/../../openstack/latest/password', ''],
  ])('%s', (path, expected) => {
    expect(textAt(path)).toBe(expected);
  });

  it('lists no version of the future, and answers it all the same', () => {
    const then = { ...context, now: Date.parse('2019-01-01') };
    expect(String(renderMetadata(exampleMetadata, '/openstack', then)?.body)).not.toContain('2020-10-14');
    expect(renderMetadata(exampleMetadata, '/openstack/2020-10-14/meta_data.json', then)).not.toBeNull();
  });

  it('meta_data.json at the newest version', () => {
    expect(render('/openstack/latest/meta_data.json')?.contentType).toBe('application/json');
    expect(jsonAt('/openstack/latest/meta_data.json')).toEqual({
      uuid: exampleMetadata.instanceId,
      name: 'web 1',
      hostname: 'web-1.novalocal',
      launch_index: 2,
      availability_zone: 'nova',
      meta: { role: 'web' },
      project_id: 'alpha',
      public_keys: { 'my key': 'ssh-ed25519 AAAA me' },
      keys: [{ name: 'my key', type: 'ssh', data: 'ssh-ed25519 AAAA me' }],
      random_seed: Buffer.from(randomSeed).toString('base64'),
      dedicated_cpus: [1, 3],
      devices: [
        { type: 'nic', bus: 'pci', address: '0000:00:02.0', tags: ['fast'], mac: 'fa:16:3e:00:00:02', vf_trusted: false },
        { type: 'nic', bus: 'pci', address: '0000:00:03.0', mac: 'fa:16:3e:00:00:03', vlan: 7, vf_trusted: true },
        { type: 'nic', bus: 'none', address: 'none', mac: 'fa:16:3e:00:00:04', vf_trusted: false },
        { type: 'disk', bus: 'scsi', address: '0:0:0:1', tags: ['db'], serial: 'v', path: '/dev/sda' },
        { type: 'share', bus: 'none', address: 'none', share_id: 'share-1', tag: 'home' },
      ],
    });
  });

  it('meta_data.json grows with its versions', () => {
    expect(keys('2012-08-10')).toEqual(['uuid', 'hostname', 'name', 'launch_index', 'availability_zone']);
    expect(keys('2013-04-04')).toContain('random_seed');
    expect(keys('2015-10-15')).toContain('project_id');
    expect(keys('2016-06-30')).toContain('devices');
    expect(keys('2020-10-14')).toContain('dedicated_cpus');
    expect([nics('2016-06-30').length, nics('2017-02-22').length, nics('2018-08-27').length]).toEqual([1, 2, 3]);
  });

  it('network_data.json: links, static and DHCP networks, name servers once', () => {
    expect(render('/openstack/2012-08-10/network_data.json')?.contentType).toBe('text/plain');
    expect(jsonAt('/openstack/latest/network_data.json')).toEqual({
      links: [
        { id: 'tap0123456789a', vif_id: '0123456789abcdef', type: 'bridge', mtu: 1450, ethernet_mac_address: 'fa:16:3e:00:00:01' },
        { id: 'tapfedcba98765', vif_id: 'fedcba9876543210', type: 'phy', mtu: null, ethernet_mac_address: 'fa:16:3e:00:00:02' },
      ],
      networks: [
        {
          id: 'network0',
          type: 'ipv4',
          link: 'tap0123456789a',
          network_id: 'net-a',
          ip_address: '10.0.0.5',
          netmask: '255.255.252.0',
          routes: [
            { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' },
            { network: '192.168.0.0', netmask: '255.255.255.0', gateway: '10.0.0.9' },
          ],
          services: [{ type: 'dns', address: '10.0.0.2' }],
        },
        {
          id: 'network1',
          type: 'ipv6',
          link: 'tap0123456789a',
          network_id: 'net-a',
          ip_address: '2001:db8::5',
          netmask: 'ffff:ffff:ffff:ffff::',
          routes: [{ network: '::', netmask: '::', gateway: '2001:db8::1' }],
          services: [
            { type: 'dns', address: '10.0.0.2' },
            { type: 'dns', address: '2001:db8::53' },
          ],
        },
        { id: 'network2', type: 'ipv4_dhcp', link: 'tapfedcba98765', network_id: 'net-b' },
      ],
      services: [
        { type: 'dns', address: '10.0.0.2' },
        { type: 'dns', address: '2001:db8::53' },
      ],
    });
    expect(textAt('/openstack/latest/network_data.json', bare)).toBe('{}');
  });

  it('vendor data: static wins over a target of its name, and is 404 when it is off', () => {
    expect(jsonAt('/openstack/latest/vendor_data.json')).toEqual({ vendor: 'us' });
    expect(jsonAt('/openstack/latest/vendor_data2.json')).toEqual({ static: { vendor: 'us' }, site: { rack: 4 } });
    const off = { ...exampleMetadata, vendorData: { static: null, dynamic: {} } };
    expect(textAt('/openstack/latest/vendor_data.json', off)).toBeNull();
    expect(textAt('/openstack/latest/vendor_data2.json', off)).toBe('{}');
  });

  it('never shows the administrator password, nor files, over HTTP', () => {
    const paths = ['meta_data.json', 'user_data', 'password', 'vendor_data.json', 'network_data.json', 'vendor_data2.json'];
    for (const path of paths) expect(textAt(`/openstack/latest/${path}`)).not.toMatch(/not-over-http|motd/);
  });
});

describe('the config drive', () => {
  const files = new Map(
    configDriveFiles(exampleMetadata, { randomSeed }).map(({ path, content }) => [path, Buffer.from(content).toString('latin1')]),
  );

  it('has the files of every version, and no password', () => {
    expect([...files.keys()].filter((path) => path.startsWith('ec2/'))).toEqual([
      'ec2/2009-04-04/meta-data.json',
      'ec2/2009-04-04/user-data',
      'ec2/latest/meta-data.json',
      'ec2/latest/user-data',
    ]);
    expect([...files.keys()].filter((path) => path.startsWith('openstack/latest/'))).toEqual(
      ['meta_data.json', 'user_data', 'vendor_data.json', 'network_data.json', 'vendor_data2.json'].map(
        (name) => `openstack/latest/${name}`,
      ),
    );
    expect([...files.keys()].filter((path) => path.startsWith('openstack/2013-04-04/'))).toEqual([
      'openstack/2013-04-04/meta_data.json',
      'openstack/2013-04-04/user_data',
    ]);
    expect([...files.keys()].filter((path) => path.endsWith('/meta_data.json'))).toHaveLength(11);
  });

  it('says what the service says, and what only the drive carries', () => {
    const meta = JSON.parse(files.get('openstack/latest/meta_data.json') ?? '');
    expect(meta).toEqual({
      ...jsonAt('/openstack/latest/meta_data.json'),
      admin_pass: 'not-over-http',
      files: [{ path: '/etc/motd', content_path: '/content/0000' }],
    });
    expect(files.get('openstack/content/0000')).toBe('hello');
    for (const name of ['user_data', 'vendor_data.json', 'network_data.json', 'vendor_data2.json'])
      expect(files.get(`openstack/latest/${name}`)).toBe(textAt(`/openstack/latest/${name}`));
    expect(JSON.parse(files.get('ec2/latest/meta-data.json') ?? '')).toMatchObject({
      'ami-launch-index': 2,
      'public-keys': { 0: { 'openssh-key': 'ssh-ed25519 AAAA me' } },
      'security-groups': ['default', 'web'],
    });
  });

  it('has no path that a user could choose', () => {
    const hostile = {
      ...exampleMetadata,
      name: '../../etc',
      hostname: '../x',
      files: [{ path: '../../../etc/passwd', content: '' }],
      metadata: { '../../x': 'y' },
    };
    for (const { path } of configDriveFiles(hostile, { randomSeed })) expect(path).toMatch(/^(ec2|openstack)\/[\w.-]+\/[\w.-]+$/);
  });
});

it('answers any path without throwing', () => {
  assert(
    property(array(string()), (segments) => {
      expect(() => render(`/${segments.join('/')}`)).not.toThrow();
      expect(() => render(`/openstack/latest/${segments.join('/')}`)).not.toThrow();
    }),
  );
});

it('a password is kept in four pieces that make it again', () => {
  assert(
    property(string({ maxLength: 1020 }), (password) => {
      expect(storedPassword(passwordPieces(password))).toBe(password);
    }),
  );
  expect(passwordPieces('short')).toEqual({ password_0: 'short', password_1: '', password_2: '', password_3: '' });
});

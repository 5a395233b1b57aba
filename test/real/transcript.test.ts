import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outcomeOf } from '../support/kilonova.ts';
import { startRealCloud, type RealCloud } from '../support/real-cloud.ts';

/**
 * What a user does with Debian's unmodified `openstack` client against `./kilonova up`, from a token to ssh and back: real libvirt, real QEMU, real
 * bridges. The tests are one story: each goes on from where the one before has ended.
 */
const run = promisify(execFile);
let cloud: RealCloud;
const pings = async (address: string): Promise<boolean> => (await outcomeOf('ping', ['-c', '1', '-W', '1', address])).code === 0;

beforeAll(async () => {
  cloud = await startRealCloud('transcript', null);
});
afterAll(() => cloud.stop());

describe('before the first server', () => {
  test('a token, and the catalog', async () => {
    expect(await cloud.json('token issue')).toMatchObject({
      id: expect.stringMatching(/^.{32,}$/),
      project_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    const catalog = (await cloud.json('catalog list')) as { Type: string }[];
    expect(catalog.map(({ Type }) => Type).toSorted()).toEqual([
      'block-storage',
      'compute',
      'identity',
      'image',
      'network',
      'placement',
      'volumev3',
    ]);
  });

  test('an image from a file', async () => {
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(cloud.state, 'empty.qcow2'), '64M']);
    const image = await cloud.json(
      `image create --disk-format qcow2 --container-format bare --file ${join(cloud.state, 'empty.qcow2')} --property hw_disk_bus=virtio from-file`,
    );
    expect(image).toMatchObject({ name: 'from-file' });
    expect(await cloud.json('image show from-file')).toMatchObject({
      status: 'active',
      disk_format: 'qcow2',
      checksum: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  test('a flavor, a key pair, a network with a router, a security group', async () => {
    expect(await cloud.json('flavor create --vcpus 1 --ram 256 --disk 1 small')).toMatchObject({ name: 'small', vcpus: 1, ram: 256 });
    expect(await cloud.json(`keypair create --public-key ${join(cloud.state, 'key.pub')} mine`)).toMatchObject({
      name: 'mine',
      fingerprint: expect.stringMatching(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/),
    });
    await cloud.openstack('network create inside');
    expect(
      await cloud.json('subnet create --network inside --subnet-range 10.77.0.0/24 --dns-nameserver 10.77.0.2 inside-4'),
    ).toMatchObject({ cidr: '10.77.0.0/24', gateway_ip: '10.77.0.1' });
    await cloud.openstack('router create edge');
    await cloud.openstack('router set --external-gateway public edge');
    await cloud.openstack('router add subnet edge inside-4');
    await cloud.openstack('security group create web');
    expect(await cloud.json('compute service list')).toEqual(
      expect.arrayContaining([expect.objectContaining({ Binary: 'nova-compute', State: 'up', Status: 'enabled' })]),
    );
    const [hypervisor] = await cloud.json('hypervisor list');
    expect(await cloud.json(`hypervisor show ${hypervisor['Hypervisor Hostname']}`)).toMatchObject({ hypervisor_type: 'QEMU' });
  });
});

describe('servers', () => {
  let address: string;
  let serverId: string;

  test('one boots, with its key, its user data and its address', async () => {
    await writeFile(join(cloud.state, 'user-data'), '#!/bin/sh\necho "user data of $(hostname) ran"\n');
    const server = await cloud.json(
      `server create --image tiny --flavor small --key-name mine --network inside --security-group web --user-data ${join(cloud.state, 'user-data')} --wait first`,
    );
    expect(server).toMatchObject({ status: 'ACTIVE', name: 'first' });
    serverId = server.id;
    const log = await cloud.console('first', /login:\s*$/);
    expect(log).toMatch(/user data of first\S* ran/);
    expect(log).toMatch(/KILONOVA metadata=http /);
    expect(log).toMatch(/KILONOVA dhcp=10\.77\.0\.\d+\/24/);
  });

  test('it is reached by its floating IP once its security group says so, and not before', async () => {
    const floating = await cloud.json('floating ip create public');
    address = floating.floating_ip_address;
    await cloud.openstack(`server add floating ip first ${address}`);
    await cloud.eventually('The silence of a server that lets nobody in', async () => ((await pings(address)) ? null : true), 30);
    await cloud.openstack('security group rule create --protocol icmp web');
    await cloud.openstack('security group rule create --protocol tcp --dst-port 22 web');
    await cloud.eventually('An answer to ping', async () => ((await pings(address)) ? true : null), 60);
    expect(await cloud.inside(address, 'hostname; grep -c ^processor /proc/cpuinfo')).toMatch(/^first\S*\n1$/);
  });

  test('a second one gets the same and a file from a config drive, and reaches the first by its private address', async () => {
    await writeFile(join(cloud.state, 'motd'), 'as it was before microversion 2.57\n');
    await writeFile(join(cloud.state, 'user-data-2'), '#!/bin/sh\ncat /run/config/openstack/content/0000\n');
    await cloud.openstack(
      `server create --image tiny --flavor small --key-name mine --network inside --security-group web --user-data ${join(cloud.state, 'user-data-2')} --file /etc/motd=${join(cloud.state, 'motd')} --config-drive True --wait second`,
    );
    const log = await cloud.console('second', /login:\s*$/);
    expect(log).toMatch(/KILONOVA metadata=config-drive /);
    expect(log).toMatch(/^as it was before microversion 2\.57\r?$/m);
    const { addresses } = await cloud.json('server show second');
    const [inside] = addresses.inside as string[];
    expect(await cloud.inside(address, `ping -c 3 -W 5 ${inside}`)).toMatch(/3 packets transmitted, 3 packets received/);
  });

  test('many at once are numbered', async () => {
    await cloud.openstack('server create --image tiny --flavor small --network inside --min 2 --max 2 --wait pair');
    const list = (await cloud.json('server list --name pair')) as { Name: string; Status: string; ID: string }[];
    expect(list.map(({ Name, Status }) => [Name, Status]).toSorted()).toEqual([
      ['pair-1', 'ACTIVE'],
      ['pair-2', 'ACTIVE'],
    ]);
    for (const { ID } of list) expect(await cloud.domain(ID)).toContain("type='qemu'");
    await cloud.openstack('server delete --wait pair-1 pair-2');
    for (const { ID } of list) expect(await cloud.domain(ID)).toBe(null);
  });

  test('deleting a server frees everything that was its own', async () => {
    const [port] = await cloud.json(`port list --device-id ${serverId}`);
    const tap = `tap${String(port.ID).slice(0, 11)}`;
    expect((await outcomeOf('ip', ['link', 'show', tap])).code).toBe(0);
    await cloud.openstack('server delete --wait first second');
    expect(await cloud.json('server list')).toEqual([]);
    expect(await cloud.json(`port list --device-id ${serverId}`)).toEqual([]);
    expect((await outcomeOf('ip', ['link', 'show', tap])).code).not.toBe(0);
    const ruleset = async () => (await outcomeOf('nft', ['list', 'ruleset'])).out;
    await cloud.eventually('rules without the device', async () => ((await ruleset()).includes(tap) ? null : true), 30);
    expect(await cloud.domain(serverId)).toBe(null);
    const { stdout } = await run('find', [join(cloud.state, 'instances'), '-name', `*${serverId}*`]).catch(() => ({ stdout: '' }));
    expect(stdout).toBe('');
  });
});

describe('refusals say what is wrong', () => {
  const create = (more: string): string => `server create --flavor small --image tiny --network inside ${more} refused`;

  test('no such image, too small a flavor, a bad name', async () => {
    expect(await cloud.refusal('server create --flavor small --image nothing --network inside refused')).toMatch(/nothing/);
    await cloud.openstack('image set --min-ram 4096 from-file');
    expect(await cloud.refusal('server create --flavor small --image from-file --network inside refused')).toMatch(/memory is too small/);
    expect(await cloud.refusal('server create --flavor small --image tiny --network inside " x"')).toMatch(
      /An invalid 'name' value was provided/,
    );
  });

  test('no valid host, with the reason', async () => {
    await cloud.openstack('flavor create --vcpus 1 --ram 50000000 --disk 1 huge');
    await cloud.openstack('quota set --ram -1 admin');
    // this client ends with 0 even so; it says it on its output
    expect(await cloud.openstack('server create --flavor huge --image tiny --network inside --wait too-big')).toBe('Error creating server');
    expect(await cloud.openstack('server show too-big -f value -c fault')).toMatch(
      /No valid host was found\. 1 host: 1 lacks 50000000 MB of memory/,
    );
    await cloud.openstack('server delete --wait too-big');
  });

  test('quota exceeded', async () => {
    await cloud.openstack('quota set --instances 0 admin');
    expect(await cloud.refusal(create(''))).toMatch(/Quota exceeded for instances: Requested 1, but already used 0 of 0 instances/);
    await cloud.openstack('quota set --instances 10 admin');
  });

  test('a wrong password, a token that is no good, the server of another project', async () => {
    expect(await cloud.refusal('token issue', { ...cloud.environment(), OS_PASSWORD: 'wrong' })).toMatch(/401/);
    await cloud.openstack('project create other');
    await cloud.openstack('user create --password secret-of-other --project other other');
    await cloud.openstack('role add --user other --project other member');
    const stranger = { ...cloud.environment(), OS_USERNAME: 'other', OS_PASSWORD: 'secret-of-other', OS_PROJECT_NAME: 'other' };
    const server = await cloud.json(create('--wait'));
    expect(await cloud.refusal(`server show ${server.id}`, stranger)).toMatch(/No server with a name or ID|could not be found/i);
    await cloud.openstack('server delete --wait refused');
    const token = await cloud.openstack('token issue -f value -c id', stranger);
    await cloud.openstack(`token revoke ${token}`);
    const expired = {
      PATH: cloud.environment()['PATH'],
      HOME: cloud.environment()['HOME'],
      OS_AUTH_TYPE: 'token',
      OS_AUTH_URL: cloud.environment()['OS_AUTH_URL'],
      OS_TOKEN: token,
      OS_PROJECT_NAME: 'other',
      OS_PROJECT_DOMAIN_NAME: 'Default',
      OS_IDENTITY_API_VERSION: '3',
    };
    expect(await cloud.refusal('server list', expired)).toMatch(/401|404|Unauthorized/);
  });
});

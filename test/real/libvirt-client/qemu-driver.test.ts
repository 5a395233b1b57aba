/** The libvirt client against the QEMU driver of a real libvirtd, with a tiny guest that has nothing to boot. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as libvirt from '../../../src/lib/libvirt/index.ts';
import type { DomainRef, LibvirtClient } from '../../../src/lib/libvirt/index.ts';
import { el, toXml } from '../../../src/lib/xml/build.ts';
import type { XmlElement } from '../../../src/lib/xml/build.ts';
import { parseXml } from '../../../src/lib/xml/parse.ts';
import { attributeAt, findAll, textAt } from '../../../src/lib/xml/query.ts';
import { cleanUp, eventually, run, transport, undoAll, useHostLibvirtd, virsh } from './host-libvirtd.ts';

beforeAll(useHostLibvirtd);

describe('qemu:///system', () => {
  const directory = '/var/lib/libvirt/images';
  const id = `kilonova-client-${process.pid}`;
  const image = join(directory, `${id}.qcow2`);
  const layer = join(directory, `${id}-1.qcow2`);
  const saved = join(directory, `${id}.save`);
  const core = join(directory, `${id}.core`);
  let client: LibvirtClient;
  let domain: DomainRef;

  const domainXml = (uuid: string): XmlElement =>
    el(
      'domain',
      { type: 'qemu' },
      el('name', {}, id),
      el('uuid', {}, uuid),
      el('title', {}, 'a "title" & more'),
      el('memory', { unit: 'MiB' }, 64),
      el('currentMemory', { unit: 'MiB' }, 48),
      el('vcpu', { current: 1 }, 2),
      el('os', {}, el('type', { arch: 'x86_64', machine: 'pc' }, 'hvm'), el('boot', { dev: 'hd' }), el('bios', { useserial: 'yes' })),
      el('features', {}, el('acpi'), el('apic')),
      el(
        'devices',
        {},
        el('emulator', {}, '/usr/bin/qemu-system-x86_64'),
        el(
          'disk',
          { type: 'file', device: 'disk' },
          el('driver', { name: 'qemu', type: 'qcow2' }),
          el('source', { file: image }),
          el('target', { dev: 'vda', bus: 'virtio' }),
        ),
        el('serial', { type: 'pty' }, el('target', { port: 0 })),
        el('console', { type: 'pty' }, el('target', { type: 'serial', port: 0 })),
        el('video', {}, el('model', { type: 'vga', vram: 16_384 })),
        el('memballoon', { model: 'virtio' }),
      ),
    );

  beforeAll(async () => {
    client = await libvirt.connectLibvirt({ transport, name: 'qemu:///system' });
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', image, '16M']);
    domain = await libvirt.defineDomain(client, toXml(domainXml(randomUUID())));
  });
  afterEach(undoAll);
  afterAll(async () => {
    await undoAll();
    if ((await libvirt.findDomain(client, domain.uuid)) !== null) {
      if (await libvirt.isDomainActive(client, domain)) await libvirt.destroyDomain(client, domain);
      await libvirt.undefineDomain(client, domain, ['managedSave', 'snapshotsMetadata', 'nvram']);
    }
    client.close();
    for (const path of [image, layer, saved, core]) rmSync(path, { force: true });
  });

  async function paused(): Promise<void> {
    if (!(await libvirt.isDomainActive(client, domain))) await libvirt.startDomain(client, domain, ['paused']);
  }

  it('says what the host is', async () => {
    expect(await libvirt.getDriverType(client)).toBe('QEMU');
    expect((await libvirt.getVersions(client)).libvirt).toBeGreaterThanOrEqual(6_000_000);
    expect(await libvirt.getHostname(client)).not.toBe('');
    const capabilities = parseXml(await libvirt.getCapabilities(client));
    expect(textAt(capabilities, 'host/cpu/arch')).toBe('x86_64');
    const info = await libvirt.getHostInfo(client);
    expect(info).toMatchObject({ arch: 'x86_64', cpus: expect.any(Number) });
    const domainCapabilities = parseXml(await libvirt.getDomainCapabilities(client, { arch: 'x86_64', virtType: 'qemu' }));
    expect(textAt(domainCapabilities, 'domain')).toBe('qemu');
    expect(await libvirt.listCpuModels(client, 'x86_64')).toContain('Nehalem');
    expect(await libvirt.getHostMemoryStats(client)).toMatchObject({ total: expect.any(Number), free: expect.any(Number) });
    expect(await libvirt.getHostCpuStats(client)).toMatchObject({ user: expect.any(Number), idle: expect.any(Number) });
    expect((await libvirt.getHostCpus(client)).online).toHaveLength(info.cpus);
    expect(await libvirt.getFreePages(client, 0, [4])).toEqual([expect.any(Number)]);
    expect(await libvirt.compareHypervisorCpu(client, { virtType: 'qemu' }, '<cpu><arch>x86_64</arch><model>qemu64</model></cpu>')).toMatch(
      /identical|superset|incompatible/,
    );
  });

  it('defines, describes and finds a domain', async () => {
    expect(await libvirt.findDomain(client, domain.uuid)).toEqual(domain);
    expect((await libvirt.listDomains(client, ['inactive'])).map(({ uuid }) => uuid)).toContain(domain.uuid);
    const xml = parseXml(await libvirt.getDomainXml(client, domain, ['inactive']));
    expect(textAt(xml, 'title')).toBe('a "title" & more');
    expect(attributeAt(xml, 'devices/disk/source', 'file')).toBe(image);
    const kind = { uri: 'https://kilonova.example/1', prefix: 'k' };
    await libvirt.setMetadata(client, domain, kind, toXml(el('owner', { name: '<me>' })), ['config']);
    expect(parseXml((await libvirt.getMetadata(client, domain, kind, ['config'])) ?? '')).toMatchObject({
      name: 'owner',
      attributes: { name: '<me>' },
    });
    await libvirt.setMetadata(client, domain, kind, null, ['config']);
    expect(await libvirt.getMetadata(client, domain, kind, ['config'])).toBeNull();
    await libvirt.setAutostart(client, domain, true);
    expect(await libvirt.getAutostart(client, domain)).toBe(true);
    await libvirt.setAutostart(client, domain, false);
    await libvirt.renameDomain(client, domain, `${id}-renamed`);
    expect(await libvirt.findDomainByName(client, `${id}-renamed`)).not.toBeNull();
    await libvirt.renameDomain(client, domain, id);
  });

  it('names its refusals', async () => {
    await expect(libvirt.defineDomain(client, '<domain')).rejects.toMatchObject({ errorName: 'xmlDetail' });
    await expect(libvirt.destroyDomain(client, libvirt.domainRef(randomUUID()))).rejects.toMatchObject({ errorName: 'noDomain' });
    await expect(libvirt.suspendDomain(client, domain)).rejects.toMatchObject({ errorName: 'operationInvalid' });
    await paused();
    await expect(libvirt.abortJob(client, domain)).rejects.toMatchObject({ errorName: 'operationInvalid' });
    await expect(libvirt.getJob(client, domain)).resolves.toMatchObject({ type: 'none' });
    await libvirt.resumeDomain(client, domain); // an agent is not asked for while it is paused
    await expect(libvirt.agentCommand(client, domain, { execute: 'guest-ping' })).rejects.toMatchObject({
      errorName: 'argumentUnsupported',
    });
    await expect(libvirt.setUserPassword(client, domain, 'root', 'x')).rejects.toMatchObject({ errorName: 'argumentUnsupported' });
    await libvirt.suspendDomain(client, domain);
  });

  it('measures and changes a paused domain', async () => {
    await paused();
    const { domain: running } = await client.call('domainLookupByUuid', { uuid: domain.uuid });
    expect(running.id).toBeGreaterThan(0);
    expect(await libvirt.getDomainInfo(client, domain)).toMatchObject({ state: 'paused', maxMemoryKib: 65_536, vcpus: 1 });
    const [stats] = await libvirt.getDomainStats(client, { domains: [domain] });
    expect(stats).toMatchObject({
      domain: { uuid: domain.uuid },
      stats: { 'state.state': 3, 'balloon.maximum': 65_536, 'block.0.name': 'vda' },
    });
    expect(await libvirt.getMemoryStats(client, domain)).toMatchObject({ actual: expect.any(Number), rss: expect.any(Number) });
    expect(await libvirt.getDiskStats(client, domain, 'vda')).toMatchObject({ readBytes: expect.any(Number) });
    expect(await libvirt.getDiskSize(client, domain, 'vda')).toMatchObject({ capacity: 16 * 1024 ** 2 });
    await libvirt.resizeDisk(client, domain, 'vda', 32 * 1024 ** 2);
    expect(await libvirt.getDiskSize(client, domain, 'vda')).toMatchObject({ capacity: 32 * 1024 ** 2 });
    await libvirt.setIoTune(client, domain, 'vda', { totalIopsSec: 100 }, ['live']);
    expect(await libvirt.getIoTune(client, domain, 'vda', ['live'])).toMatchObject({ total_iops_sec: 100 });
    await libvirt.pinVcpu(client, domain, 0, [0], ['live']);
    const { total } = await libvirt.getHostCpus(client);
    expect(await libvirt.getVcpus(client, domain, total)).toMatchObject([{ number: 0, pinnedTo: [0] }]);
    await libvirt.setMemory(client, domain, 32_768, ['config']);
    expect(await libvirt.monitorCommand(client, domain, { execute: 'query-status' })).toMatchObject({ running: false });
    await expect(libvirt.monitorCommand(client, domain, { execute: 'no-such-command' })).rejects.toThrow('no-such-command');
    await libvirt.injectNmi(client, domain);
    expect(await libvirt.getDiskErrors(client, domain)).toEqual([]);
  });

  it('plugs in a disk and keeps it in the definition', async () => {
    await paused();
    const disk = el(
      'disk',
      { type: 'file', device: 'disk' },
      el('driver', { name: 'qemu', type: 'qcow2' }),
      el('source', { file: layer }),
      el('target', { dev: 'vdb', bus: 'virtio' }),
      el('serial', {}, 'second'),
    );
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', layer, '8M']);
    await libvirt.attachDevice(client, domain, toXml(disk), ['live', 'config']);
    const targets = async (): Promise<(string | undefined)[]> =>
      findAll(parseXml(await libvirt.getDomainXml(client, domain, ['inactive'])), 'devices/disk/target').map(
        ({ attributes }) => attributes['dev'],
      );
    expect(await targets()).toEqual(['vda', 'vdb']);
    await libvirt.detachDevice(client, domain, toXml(disk), ['config']);
    expect(await targets()).toEqual(['vda']);
    await libvirt.destroyDomain(client, domain);
    rmSync(layer);
  });

  it('talks to the guest over its console', async () => {
    await paused();
    const console = await libvirt.openConsole(client, domain);
    await expect(libvirt.openConsole(client, domain, { flags: ['safe'] })).rejects.toMatchObject({ name: 'LibvirtError' });
    let heard = '';
    console.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
    await libvirt.resumeDomain(client, domain);
    await eventually(() => expect(heard).toContain('SeaBIOS'));
    console.write('\r');
    await libvirt.sendKey(client, domain, [28]);
    await libvirt.suspendDomain(client, domain);
    const closed = once(console, 'close');
    console.destroy();
    await closed;
    const again = await libvirt.openConsole(client, domain);
    again.destroy();
  });

  it('sees the console end with the domain', async () => {
    await paused();
    const console = await libvirt.openConsole(client, domain);
    const all = buffer(console);
    await libvirt.destroyDomain(client, domain);
    await expect(all).resolves.toBeInstanceOf(Buffer);
  });

  it('takes a picture of the screen', async () => {
    await paused();
    const { mime, image: picture } = await libvirt.takeScreenshot(client, domain);
    expect(mime).toMatch(/^image\//);
    expect((await buffer(picture)).length).toBeGreaterThan(100);
  });

  it('snapshots a disk, merges it back with a job, and hears of it', async () => {
    await paused();
    const jobs: libvirt.BlockJobMessage[] = [];
    const subscription = await libvirt.onDomainEvent(client, 'blockJob', (message) => jobs.push(libvirt.readBlockJob(message)), { domain });
    const snapshot = toXml(
      el(
        'domainsnapshot',
        {},
        el('disks', {}, el('disk', { name: 'vda', snapshot: 'external', type: 'file' }, el('source', { file: layer }))),
      ),
    );
    await libvirt.createSnapshot(client, domain, snapshot, ['diskOnly', 'noMetadata', 'atomic']);
    expect(await libvirt.getBlockJob(client, domain, 'vda')).toBeNull();
    await libvirt.commitDisk(client, domain, 'vda', { base: image, flags: ['active'] });
    await eventually(() => expect(jobs.map(({ status }) => status)).toContain('ready'));
    expect(await libvirt.getBlockJob(client, domain, 'vda')).toMatchObject({ type: 'activeCommit' });
    await libvirt.abortBlockJob(client, domain, 'vda', ['pivot']);
    await eventually(() => expect(jobs.map(({ status }) => status)).toEqual(['ready', 'completed']));
    expect(attributeAt(parseXml(await libvirt.getDomainXml(client, domain)), 'devices/disk/source', 'file')).toBe(image);
    await subscription.end();
  });

  it('saves, restores and dumps', async () => {
    await paused();
    await libvirt.saveDomain(client, domain, saved);
    expect(await libvirt.getDomainState(client, domain)).toEqual({ state: 'shutOff', reason: 'saved' });
    await libvirt.restoreDomain(client, saved, { flags: ['paused'] });
    expect(await libvirt.getDomainState(client, domain)).toMatchObject({ state: 'paused' });
    await libvirt.managedSaveDomain(client, domain);
    expect(await libvirt.hasManagedSave(client, domain)).toBe(true);
    await libvirt.removeManagedSave(client, domain);
    await paused();
    await libvirt.coreDumpDomain(client, domain, core, { format: 'kdump-zlib', flags: ['memoryOnly'] });
    expect(existsSync(core)).toBe(true);
    expect((await libvirt.getJob(client, domain, ['completed', 'keepCompleted'])).type).toBe('completed');
  });

  it('answers two hundred calls at once on one connection', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => libvirt.getDomainXml(client, domain)));
    expect(answers.every((xml) => xml.includes(domain.uuid))).toBe(true);
  });

  it('tells of the start and the stop, in order', async () => {
    if (await libvirt.isDomainActive(client, domain)) await libvirt.destroyDomain(client, domain);
    const told: string[] = [];
    const subscription = await libvirt.onDomainEvent(
      client,
      'lifecycle',
      (message) => {
        const { event, detail } = libvirt.readLifecycle(message);
        told.push(`${event} ${detail}`);
      },
      { domain },
    );
    await libvirt.startDomain(client, domain);
    await libvirt.resetDomain(client, domain);
    await libvirt.destroyDomain(client, domain);
    await eventually(() => expect(told.at(-1)).toBe('stopped destroyed'));
    expect(told[0]).toBe('resumed unpaused');
    expect(told).toContain('started booted');
    await subscription.end();
  });

  it('carries a volume there and back', async () => {
    const pool = mkdtempSync(join(directory, 'kilonova-pool-'));
    cleanUp.push(() => rmSync(pool, { recursive: true }));
    await virsh('pool-create-as', id, 'dir', '--target', pool);
    cleanUp.push(() => virsh('pool-destroy', id));
    await virsh('vol-create-as', id, 'volume', '4M');
    const data = Buffer.alloc(4 * 1024 ** 2, 'kilonova ');
    const upload = await libvirt.uploadVolume(client, join(pool, 'volume'));
    upload.end(data);
    await finished(upload);
    expect((await buffer(await libvirt.downloadVolume(client, join(pool, 'volume')))).equals(data)).toBe(true);
    const part = await buffer(await libvirt.downloadVolume(client, join(pool, 'volume'), { offset: 9, length: 8 }));
    expect(part.toString()).toBe('kilonova');
    await expect(libvirt.downloadVolume(client, '/nonexistent')).rejects.toMatchObject({ errorName: 'noStorageVolume' });
  });

  it('keeps a secret', async () => {
    const uuid = randomUUID();
    const xml = el(
      'secret',
      { ephemeral: 'no', private: 'no' },
      el('uuid', {}, uuid),
      el('usage', { type: 'volume' }, el('volume', {}, `/dev/${id}`)),
    );
    const secret = await libvirt.defineSecret(client, toXml(xml));
    cleanUp.push(() => libvirt.undefineSecret(client, secret).catch(() => {}));
    await libvirt.setSecretValue(client, secret, Buffer.from('pass\0phrase'));
    expect((await libvirt.getSecretValue(client, secret)).toString()).toBe('pass\0phrase');
    expect(await libvirt.findSecretByUsage(client, 'volume', `/dev/${id}`)).toEqual(secret);
    expect((await libvirt.listSecrets(client)).map((each) => each.uuid)).toContain(uuid);
    await libvirt.undefineSecret(client, secret);
    expect(await libvirt.findSecret(client, uuid)).toBeNull();
  });
});

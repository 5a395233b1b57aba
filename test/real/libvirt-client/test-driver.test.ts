/** The libvirt client against the test driver of a real libvirtd. */
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as libvirt from '../../../src/lib/libvirt/index.ts';
import { el, toXml } from '../../../src/lib/xml/build.ts';
import { cleanUp, connect, undoAll, useHostLibvirtd } from './host-libvirtd.ts';

beforeAll(useHostLibvirtd);

describe('test:///default', () => {
  afterEach(undoAll);

  it('leads a domain through its life and tells of it', async () => {
    const client = await connect('test:///default');
    const told: string[] = [];
    const subscription = await libvirt.onDomainEvent(client, 'lifecycle', (message) => {
      const { domain, event, detail } = libvirt.readLifecycle(message);
      if (domain.name === 'kilonova-life') told.push(`${event} ${detail}`);
    });
    const xml = toXml(
      el(
        'domain',
        { type: 'test' },
        el('name', {}, 'kilonova-life'),
        el('memory', { unit: 'MiB' }, 8),
        el('vcpu', {}, 2),
        el('os', {}, el('type', {}, 'hvm')),
      ),
    );
    const domain = await libvirt.defineDomain(client, xml);
    cleanUp.push(() => libvirt.undefineDomain(client, domain).catch(() => {}));

    await libvirt.startDomain(client, domain);
    expect(await libvirt.getDomainState(client, domain)).toEqual({ state: 'running', reason: 'booted' });
    await libvirt.suspendDomain(client, domain);
    await libvirt.resumeDomain(client, domain);
    const snapshot = await libvirt.createSnapshot(client, domain, '<domainsnapshot><name>first</name></domainsnapshot>');
    expect((await libvirt.listSnapshots(client, domain)).map(({ name }) => name)).toEqual(['first']);
    expect(await libvirt.findSnapshot(client, domain, 'first')).toEqual(snapshot);
    await libvirt.revertToSnapshot(client, snapshot);
    await libvirt.deleteSnapshot(client, snapshot);
    await expect(libvirt.findSnapshot(client, domain, 'first')).rejects.toMatchObject({ errorName: 'noDomainSnapshot' });
    await libvirt.destroyDomain(client, domain);
    await libvirt.undefineDomain(client, domain);
    expect(await libvirt.findDomain(client, domain.uuid)).toBeNull();
    await subscription.end();
    expect(told.filter((event) => !event.includes('fromSnapshot'))).toEqual([
      'defined added',
      'started booted',
      'suspended paused',
      'resumed unpaused',
      'stopped destroyed',
      'undefined removed',
    ]);
  });

  it('downloads a screenshot', async () => {
    const client = await connect('test:///default');
    const domain = await libvirt.findDomainByName(client, 'test');
    if (domain === null) throw new Error('the test driver has lost its domain');
    const { mime, image } = await libvirt.takeScreenshot(client, domain);
    expect(mime).toBe('image/png');
    expect((await buffer(image)).subarray(1, 4).toString()).toBe('PNG');
  });
});

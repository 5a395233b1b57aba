import { describe, expect, it } from 'vitest';

import { parseUri } from './transport.ts';

describe('parseUri', () => {
  it.each([
    ['qemu:///system', { transport: { kind: 'unix', path: '/run/libvirt/libvirt-sock' }, name: 'qemu:///system' }],
    ['test:///default', { transport: { kind: 'unix', path: '/run/libvirt/libvirt-sock' }, name: 'test:///default' }],
    ['qemu+unix:///system?socket=/tmp/a%20b', { transport: { kind: 'unix', path: '/tmp/a b' }, name: 'qemu:///system' }],
    ['qemu+tcp://host1/system', { transport: { kind: 'tcp', host: 'host1', port: 16_509 }, name: 'qemu:///system' }],
    ['qemu+tls://nova@[2001:db8::1]:1234/system', { transport: { kind: 'tls', host: '2001:db8::1', port: 1234 }, name: 'qemu:///system' }],
    ['qemu://host1/system', { transport: { kind: 'tls', host: 'host1', port: 16_514 }, name: 'qemu:///system' }],
  ])('reads %s', (uri, parsed) => {
    expect(parseUri(uri)).toEqual(parsed);
  });

  it.each(['', 'qemu', '/run/libvirt/libvirt-sock', 'qemu+ssh://root@host1/system', 'qemu+tcp:///system'])('refuses "%s"', (uri) => {
    expect(() => parseUri(uri)).toThrow(uri);
  });
});

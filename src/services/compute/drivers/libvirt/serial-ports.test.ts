import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { LibvirtError } from '../../../../lib/libvirt/index.ts';
import { portWasTaken, serialPortBook } from './serial-ports.ts';

const book = (options: Partial<Parameters<typeof serialPortBook>[0]> = {}) =>
  serialPortBook({
    range: '10000:10004',
    host: '127.0.0.1',
    heldAlready: () => Promise.resolve(new Map([['old', [10_001]]])),
    isFree: (_host, port) => Promise.resolve(port !== 10_002),
    ...options,
  });

test('ports are given that nobody has, and kept', async () => {
  const ports = book();
  const [a, b] = await Promise.all([ports.take('a', 1), ports.take('b', 1)]);
  expect([a, b, await ports.take('a', 1), await ports.take('old', 1)]).toEqual([[10_000], [10_003], [10_000], [10_001]]);
  await expect(ports.take('c', 1)).rejects.toThrow('Not able to acquire a free port for 127.0.0.1');
  ports.release('a');
  expect(await ports.take('c', 1)).toEqual([10_000]);
});

test('a guest that needs more gets others, and none when there are too few', async () => {
  const ports = book();
  expect(await ports.take('old', 2)).toEqual([10_000, 10_001]);
  await expect(ports.take('a', 2)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(await ports.take('a', 1)).toEqual([10_003]);
});

test('a guest that was off gives way to who has taken its port meanwhile', async () => {
  const others = new Set<number>();
  const ports = book({ isFree: (_host, port) => Promise.resolve(!others.has(port)) });
  expect(await ports.take('a', 1)).toEqual([10_000]);
  others.add(10_000);
  expect([await ports.take('a', 1), await ports.take('b', 1)]).toEqual([[10_002], [10_003]]);
});

test('a guest is known that was not started because its port was taken at the last moment', () => {
  const said = (message: string) => new LibvirtError('domainCreateWithFlags', { code: 1, domain: 10, level: 2, message });
  const taken =
    'internal error: qemu unexpectedly closed the monitor: 2026-11-21T07:26:57.213127Z qemu-system-x86_64: -chardev socket,id=charserial0,host=127.0.0.1,port=10003,server=on,wait=off,logfile=/x/console.log,logappend=on: Failed to find an available port: Address already in use';
  expect([said(taken), said('internal error: qemu unexpectedly closed the monitor'), new Error(taken)].map(portWasTaken)).toEqual([
    true,
    false,
    false,
  ]);
});

test('a port somebody listens on is not given', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const ports = serialPortBook({ range: `${port}:${port + 1}`, host: '127.0.0.1', heldAlready: () => Promise.resolve(new Map()) });
  await expect(ports.take('a', 1)).rejects.toMatchObject({ kind: 'unavailable' });
  await new Promise((resolve) => server.close(resolve));
});

test.each(['', '5', '9:8', '0:5', '1:70000', 'a:b'])('%j is no range of ports', (range) => {
  expect(() => book({ range })).toThrow('port_range');
});

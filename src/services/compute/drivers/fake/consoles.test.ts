import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSettings } from '../../../../config/index.ts';
import { systemClock } from '../../../../lib/clock.ts';
import { readExactly } from '../../../../lib/streams/read-exactly.ts';
import { tinyGuest } from '../conformance.ts';
import { fakeHypervisors } from './hypervisors.ts';

const { signal } = new AbortController();
const hypervisors = fakeHypervisors({ clock: systemClock, settings: readSettings('').settings, statePath: null });
const driver = hypervisors.driver('host');
const guest = tinyGuest({ about: { ...tinyGuest().about, displayName: 'seen' } });
beforeAll(() => driver.spawn(guest, { paused: false, signal }));
afterAll(() => hypervisors.close());

async function open(kind: 'vnc' | 'spice' | 'serial', id = guest.id): Promise<Socket> {
  const { host, port } = (await driver.consoles![kind]!(id))!;
  const socket = connect({ host, port });
  await once(socket, 'connect');
  return socket;
}
const request = (incremental: boolean, x: number, y: number, width: number, height: number): Buffer => {
  const message = Buffer.from([3, incremental ? 1 : 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  for (const [index, value] of [x, y, width, height].entries()) message.writeUInt16BE(value, 2 + index * 2);
  return message;
};
const key = Buffer.from([4, 1, 0, 0, 0, 0, 0, 65]);

async function shaken(): Promise<{ readonly socket: Socket; readonly init: Buffer }> {
  const socket = await open('vnc');
  expect((await readExactly(socket, 12)).toString()).toBe('RFB 003.008\n');
  socket.write('RFB 003.008\n');
  expect([...(await readExactly(socket, 2))]).toEqual([1, 1]);
  socket.write(Buffer.from([1]));
  expect([...(await readExactly(socket, 4))]).toEqual([0, 0, 0, 0]);
  socket.write(Buffer.from([1]));
  return { socket, init: await readExactly(socket, 28) };
}

test('a viewer sees the screen of a guest, in the colours it wants, and what a key changes', async () => {
  const { socket, init } = await shaken();
  expect([init.readUInt16BE(0), init.readUInt16BE(2), init.subarray(24).toString()]).toEqual([320, 200, 'seen']);
  socket.write(request(false, 0, 0, 2, 1));
  expect([...(await readExactly(socket, 24))]).toEqual([
    0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 255, 255, 255, 0, 255, 255, 255, 0,
  ]);
  // 16 bits, big-endian, five, six and five bits a colour; then a list of encodings, a pointer, a text of the clipboard
  socket.write(Buffer.from([0, 0, 0, 0, 16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0]));
  socket.write(Buffer.from([2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7]));
  socket.write(Buffer.from([5, 0, 0, 1, 0, 1, 6, 0, 0, 0, 0, 0, 0, 3, 97, 98, 99]));
  socket.write(request(true, 0, 0, 1, 1)); // nothing has changed: answered when something has
  socket.write(key);
  expect([...(await readExactly(socket, 18))].slice(16)).toEqual([0xff, 0xe0]); // yellow
  socket.write(request(false, 319, 199, 65_535, 65_535)); // what is asked for beyond the screen is not there
  expect((await readExactly(socket, 18)).readUInt32BE(8)).toBe(0x0001_0001);
  socket.destroy();
});

test('a viewer that speaks another version is told so', async () => {
  const socket = await open('vnc');
  await readExactly(socket, 12);
  socket.write('RFB 003.003\n');
  const answer = await readExactly(socket, 5 + 'Only RFB 3.8 is spoken here.'.length);
  expect([answer[0], answer.subarray(5).toString()]).toEqual([0, 'Only RFB 3.8 is spoken here.']);
  await once(socket.resume(), 'close');
});

test('a SPICE viewer is linked, and told that there is no display', async () => {
  const socket = await open('spice');
  const link = Buffer.alloc(34);
  link.write('REDQ');
  for (const [index, value] of [2, 2, 18, 0].entries()) link.writeUInt32LE(value, 4 + index * 4);
  link.writeUInt8(1, 20); // the main channel
  socket.write(link);
  const reply = await readExactly(socket, 16 + 178);
  expect([reply.toString('latin1', 0, 4), reply.readUInt32LE(4), reply.readUInt32LE(12), reply.readUInt32LE(16)]).toEqual([
    'REDQ',
    2,
    178,
    0,
  ]);
  socket.write(Buffer.alloc(128));
  expect((await readExactly(socket, 4)).readUInt32LE(0)).toBe(0);
  const init = await readExactly(socket, 18 + 32);
  expect([init.readUInt16LE(8), init.readUInt32LE(10), init.readUInt32LE(22)]).toEqual([103, 32, 0]);
  socket.destroy();
});

test('who speaks no SPICE is told so', async () => {
  for (const [said, error] of [
    [Buffer.from('GET / HTTP/1.1\r\n\r\n'), 2],
    [Buffer.concat([Buffer.from('REDQ'), Buffer.from([2, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255])]), 3],
  ] as const) {
    const socket = await open('spice');
    socket.write(said);
    expect((await readExactly(socket, 20)).readUInt32LE(16)).toBe(error);
    await once(socket.resume(), 'close');
  }
});

test('a serial port says what was said, repeats what is typed, and the console log keeps it', async () => {
  const socket = await open('serial');
  let said = '';
  socket.on('data', (data: Buffer) => void (said += data.toString()));
  await expect.poll(() => said).toMatch(/login: $/);
  said = '';
  socket.write('root\r');
  await expect.poll(() => said).toBe(`root\r\n${guest.name} login: `);
  expect(await driver.consoleLog(guest.id, 1000)).toContain(`${guest.name} login: root\n`);
  socket.destroy();
});

test('a guest that goes down closes its consoles, and has others when it is up again', async () => {
  const other = tinyGuest();
  await driver.spawn(other, { paused: false, signal });
  const first = await driver.consoles!.vnc!(other.id);
  expect(await driver.consoles!.vnc!(other.id)).toEqual(first);
  const socket = await open('vnc', other.id);
  await driver.powerOff(other.id, { graceSeconds: 0, signal });
  await once(socket.resume(), 'close');
  await expect(driver.consoles!.serial!(other.id)).rejects.toMatchObject({ kind: 'conflict', code: 'power-state' });
  await driver.powerOn(other, signal);
  expect((await driver.consoles!.vnc!(other.id))!.port).toBeGreaterThan(0);
  await driver.destroy(other.id);
  await expect(driver.consoles!.vnc!(other.id)).rejects.toMatchObject({ kind: 'notFound' });
});

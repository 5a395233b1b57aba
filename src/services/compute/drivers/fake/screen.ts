import { once } from 'node:events';
import type { Socket } from 'node:net';
import { readExactly } from '../../../../lib/streams/read-exactly.ts';

/** How a viewer wants its pixels (RFC 6143 §7.4). */
interface PixelFormat {
  readonly bytes: 1 | 2 | 4;
  readonly bigEndian: boolean;
  /** Greatest value and place of red, green, blue. */
  readonly max: readonly [number, number, number];
  readonly shift: readonly [number, number, number];
}

interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const width = 320;
const height = 200;
const rfb38 = Buffer.from('RFB 003.008\n');
const ordinary: PixelFormat = { bytes: 4, bigEndian: false, max: [255, 255, 255], shift: [16, 8, 0] };
const bars = [
  [255, 255, 255], [255, 255, 0], [0, 255, 255], [0, 255, 0], [255, 0, 255], [255, 0, 0], [0, 0, 255], [32, 32, 32],
] as const; // prettier-ignore

/**
 * Shows a viewer the screen of a guest that has none: colour bars that move one place with every key, over RFB 3.8 (RFC 6143)
 * without a password. Ends with the connection.
 */
export async function serveScreen(socket: Socket, name: string): Promise<void> {
  const take = (count: number): Promise<Buffer> => readExactly(socket, count);
  const give = async (data: Buffer): Promise<void> => {
    if (!socket.write(data)) await once(socket, 'drain');
  };
  await give(rfb38);
  if (!(await take(12)).equals(rfb38)) return void socket.end(refusal('Only RFB 3.8 is spoken here.'));
  await give(Buffer.from([1, 1])); // one security type: none
  const [chosen] = await take(1);
  if (chosen !== 1) return void socket.end(Buffer.concat([Buffer.from([0, 0, 0, 1]), text('Only the security type None is known.')]));
  await give(Buffer.alloc(4));
  await take(1); // whether others may watch: they may
  await give(serverInit(name));

  let format = ordinary;
  let keys = 0;
  let shown = -1;
  let waiting: Area | null = null;
  const show = async (area: Area): Promise<void> => {
    waiting = null;
    shown = keys;
    await give(update(clipped(area), format, keys));
  };
  for (;;) {
    const [type] = await take(1);
    if (type === 0) format = pixelFormatIn(await take(19)) ?? format;
    else if (type === 2) {
      const count = (await take(3)).readUInt16BE(1); // raw is an encoding every viewer knows
      for (let left = count; left > 0; left--) await take(4);
    } else if (type === 3) {
      const request = await take(9);
      const area = {
        x: request.readUInt16BE(1),
        y: request.readUInt16BE(3),
        width: request.readUInt16BE(5),
        height: request.readUInt16BE(7),
      };
      if (request[0] === 0 || shown !== keys) await show(area);
      else waiting = area;
    } else if (type === 4) {
      const pressed = (await take(7))[0] === 1;
      if (pressed) keys++;
      if (pressed && waiting !== null) await show(waiting);
    } else if (type === 5) await take(5);
    else if (type === 6) {
      for (let left = (await take(7)).readUInt32BE(3); left > 0; left -= 4096) await take(Math.min(left, 4096));
    } else return void socket.end();
  }
}

const text = (message: string): Buffer => {
  const bytes = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const refusal = (message: string): Buffer => Buffer.concat([Buffer.from([0]), text(message)]);

function serverInit(name: string): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(width, 0);
  head.writeUInt16BE(height, 2);
  head.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, ...ordinary.shift], 4);
  return Buffer.concat([head, text(name)]);
}

/** Null for one that has no true colours. */
function pixelFormatIn(message: Buffer): PixelFormat | null {
  const [bits, , bigEndian, trueColour] = message.subarray(3);
  if (trueColour === 0 || (bits !== 8 && bits !== 16 && bits !== 32)) return null;
  return {
    bytes: (bits / 8) as PixelFormat['bytes'],
    bigEndian: bigEndian !== 0,
    max: [message.readUInt16BE(7), message.readUInt16BE(9), message.readUInt16BE(11)],
    shift: [message[13]! % 32, message[14]! % 32, message[15]! % 32],
  };
}

const clipped = ({ x, y, ...size }: Area): Area => {
  const left = Math.min(x, width);
  const top = Math.min(y, height);
  return { x: left, y: top, width: Math.min(size.width, width - left), height: Math.min(size.height, height - top) };
};

function update(area: Area, { bytes, bigEndian, max, shift }: PixelFormat, keys: number): Buffer {
  const head = Buffer.alloc(16); // an update of one rectangle, raw
  head.writeUInt16BE(1, 2);
  for (const [index, value] of [area.x, area.y, area.width, area.height].entries()) head.writeUInt16BE(value, 4 + index * 2);
  const row = Buffer.alloc(area.width * bytes);
  for (let x = 0; x < area.width; x++) {
    const colour = bars[(Math.floor(((area.x + x) * bars.length) / width) + keys) % bars.length]!;
    const value = colour.reduce<number>((sum, part, index) => sum + Math.round((part * max[index]!) / 255) * 2 ** shift[index]!, 0);
    for (let byte = 0; byte < bytes; byte++) row[x * bytes + (bigEndian ? bytes - 1 - byte : byte)] = Math.floor(value / 256 ** byte) % 256;
  }
  return Buffer.concat([head, ...Array.from({ length: area.height }, () => row)]);
}

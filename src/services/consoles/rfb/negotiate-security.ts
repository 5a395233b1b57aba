import type { Duplex } from 'node:stream';
import { unavailable } from '../../../lib/errors.ts';
import { readExactly } from '../../../lib/streams/read-exactly.ts';
import type { SecurityScheme } from './security-schemes.ts';

const rfb38 = 'RFB 003.008\n';
const none = 1;
const longestReason = 256;

/** A refusal as RFB words it: a result that is not zero, and why. */
const failed = (reason: string): Buffer => {
  const text = Buffer.from(reason);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(1, 0);
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, text]);
};
const cannotAgree = 'Unable to negotiate security with server';

/**
 * Takes part in the beginning of an RFB 3.8 conversation (RFC 6143 §7.1): for the viewer the proxy is a server without a password, for the
 * server a viewer that proves itself by one of `schemes`, the first that the server has. Answers the stream on which the server goes on,
 * with its verdict; from there bytes are only passed on.
 */
export async function negotiateSecurity(viewer: Duplex, server: Duplex, schemes: readonly SecurityScheme[]): Promise<Duplex> {
  const version = (await readExactly(server, 12)).toString('latin1');
  if (version !== rfb38) throw unavailable(`The screen speaks ${JSON.stringify(version.trim())}, and only RFB 003.008 is understood.`);
  server.write(rfb38);
  viewer.write(rfb38);
  const wanted = (await readExactly(viewer, 12)).toString('latin1');
  if (wanted !== rfb38) throw unavailable('The viewer does not speak RFB 003.008.');

  const [count = 0] = await readExactly(server, 1);
  if (count === 0) {
    const length = (await readExactly(server, 4)).readUInt32BE(0);
    const reason = length <= longestReason ? (await readExactly(server, length)).toString() : cannotAgree;
    viewer.write(Buffer.concat([Buffer.from([0]), failed(reason).subarray(4)]));
    throw unavailable(`The screen refuses viewers: ${reason}`);
  }
  const offered = new Set(await readExactly(server, count));

  viewer.write(Buffer.from([1, none]));
  const [chosen] = await readExactly(viewer, 1);
  if (chosen !== none) {
    viewer.write(failed('Only the security type 1 (NONE) is supported'));
    throw unavailable('The viewer asks for a security type it was not offered.');
  }
  const scheme = schemes.find(({ type }) => offered.has(type));
  if (scheme === undefined) {
    viewer.write(failed(cannotAgree)); // what the screen wants is not the viewer's to know
    throw unavailable(`The screen offers security types ${[...offered].join(', ')}, none of which [vnc] auth_schemes has.`);
  }
  server.write(Buffer.from([scheme.type]));
  return scheme.prove(server).catch((error: unknown) => {
    viewer.write(failed(cannotAgree));
    throw unavailable('The screen did not accept the proxy.', { cause: error });
  });
}

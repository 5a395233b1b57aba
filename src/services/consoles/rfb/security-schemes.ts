import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import type { Settings } from '../../../config/index.ts';
import { invalid, messageOf, unavailable } from '../../../lib/errors.ts';
import { readExactly } from '../../../lib/streams/read-exactly.ts';

/** One way in which the proxy may prove itself to a screen. */
export interface SecurityScheme {
  /** Its number in RFB. */
  readonly type: number;
  /** What is said after it was chosen; answers the stream that is spoken on from there. */
  readonly prove: (server: Duplex) => Promise<Duplex>;
}

const noneScheme: SecurityScheme = { type: 1, prove: (server) => Promise.resolve(server) };

const x509None = 260;

/** VeNCrypt 0.2 (RFB's security type 19) with certificates on both sides. */
function vencryptScheme(pem: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer }): SecurityScheme {
  return {
    type: 19,
    async prove(server) {
      const [major, minor] = await readExactly(server, 2);
      if (major !== 0 || minor !== 2) throw unavailable(`VeNCrypt ${String(major)}.${String(minor)} is not understood, only 0.2.`);
      server.write(Buffer.from([0, 2]));
      if ((await readExactly(server, 1))[0] !== 0) throw unavailable('The screen refuses VeNCrypt 0.2.');
      const [count = 0] = await readExactly(server, 1);
      const offered = await readExactly(server, count * 4);
      const subtypes = Array.from({ length: count }, (_, index) => offered.readUInt32BE(index * 4));
      if (!subtypes.includes(x509None)) throw unavailable(`The screen offers VeNCrypt ${subtypes.join(', ')}, not X509None.`);
      const choice = Buffer.alloc(4);
      choice.writeUInt32BE(x509None);
      server.write(choice);
      if ((await readExactly(server, 1))[0] !== 1) throw unavailable('The screen refuses X509None.');
      // hosts are named by addresses that change: whoever has a certificate of this authority is one of ours
      const secure = connect({ socket: server, ...pem, checkServerIdentity: () => undefined });
      await once(secure, 'secureConnect');
      return secure;
    },
  };
}

/** The schemes an operator has named, best first. */
export async function securitySchemes({ vnc }: Pick<Settings, 'vnc'>): Promise<readonly SecurityScheme[]> {
  return Promise.all(
    vnc.auth_schemes.map(async (name) => {
      if (name === 'none') return noneScheme;
      if (name !== 'vencrypt') throw invalid(`[vnc] auth_schemes: '${name}' is not known; it must be one of none, vencrypt.`);
      if (vnc.vencrypt_ca_certs === null) throw invalid('[vnc] auth_schemes: vencrypt needs vencrypt_ca_certs.');
      const [ca, cert, key] = await Promise.all([
        pemFile('vencrypt_ca_certs', vnc.vencrypt_ca_certs),
        vnc.vencrypt_client_cert === null ? null : pemFile('vencrypt_client_cert', vnc.vencrypt_client_cert),
        vnc.vencrypt_client_key === null ? null : pemFile('vencrypt_client_key', vnc.vencrypt_client_key),
      ]);
      return vencryptScheme({ ca, ...(cert === null ? {} : { cert }), ...(key === null ? {} : { key }) });
    }),
  );
}

const pemFile = (option: string, path: string): Promise<Buffer> =>
  readFile(path).catch((error: unknown) => {
    throw invalid(`[vnc] ${option}: the file ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  });

import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isUuid } from '../../../lib/ids.ts';
import { internal } from '../../../lib/errors.ts';

/** Passphrases of encrypted volumes, each in a file that only this account reads. */
export interface KeyStore {
  /** Makes a new one; with `copyOf` the same passphrase under a new id. What is there already stays. */
  make(keyId: string, copyOf?: string | null): Promise<void>;
  /** For programs that read it themselves. */
  pathOf(keyId: string): string;
  passphrase(keyId: string): Promise<string>;
  /** Succeeds when there is none. */
  remove(keyId: string): Promise<void>;
}

export async function openKeyStore(directory: string): Promise<KeyStore> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const pathOf = (keyId: string): string => {
    if (!isUuid(keyId)) throw internal('A key is named by a UUID.');
    return join(directory, keyId);
  };
  const passphrase = (keyId: string): Promise<string> => readFile(pathOf(keyId), 'utf8');
  return {
    pathOf,
    passphrase,
    async make(keyId, copyOf = null) {
      if (await passphrase(keyId).catch(() => null)) return;
      const half = `${pathOf(keyId)}.new`;
      await writeFile(half, copyOf === null ? randomBytes(32).toString('hex') : await passphrase(copyOf), { mode: 0o600, flush: true });
      await rename(half, pathOf(keyId));
    },
    remove: (keyId) => rm(pathOf(keyId), { force: true }),
  };
}

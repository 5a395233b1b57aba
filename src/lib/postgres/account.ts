import { chmod, chown, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { userInfo } from 'node:os';
import { unavailable } from '../errors.ts';

/** The account PostgreSQL runs under. It refuses root, so root hands over to an account of its own. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** The account that connects: ours. */
  readonly client: string;
  /** True when the account is another than ours, so that what it touches must be given to it. */
  readonly foreign: boolean;
}

/** Accounts root hands over to, in order; Debian's package makes the first. */
const unprivileged = ['postgres', 'nobody'];

export async function chooseAccount(): Promise<Account> {
  const { uid, gid, username } = userInfo();
  if (uid !== 0) return { name: username, uid, gid, client: username, foreign: false };
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of unprivileged) {
    const entry = entries.find((fields) => fields[0] === name);
    if (entry !== undefined) return { name, uid: Number(entry[2]), gid: Number(entry[3]), client: username, foreign: true };
  }
  throw unavailable(`PostgreSQL does not run as root, and there is no account '${unprivileged.join("' or '")}' to run it as: create one.`);
}

/** Gives a file or folder to the account. */
export async function giveTo(account: Account, path: string): Promise<void> {
  if (account.foreign) await chown(path, account.uid, account.gid);
}

/**
 * Sees to it that the account can reach `directory`. The folder itself and the one around it are ours: where they are private, the account's group
 * may pass through, but not list. Folders further up belong to the operator, so there we only say what is in the way.
 */
export async function openWayTo(account: Account, directory: string): Promise<void> {
  if (!account.foreign) return;
  const ours = [directory, dirname(directory)];
  for (let path = resolve(directory); ; path = dirname(path)) {
    const { mode, uid, gid } = await stat(path);
    const mayPass = (mode & 0o001) !== 0 || (gid === account.gid && (mode & 0o010) !== 0) || (uid === account.uid && (mode & 0o100) !== 0);
    if (!mayPass) {
      const groupHasNothing = (mode & 0o070) === 0;
      if (!ours.includes(path) || uid !== 0 || !groupHasNothing) {
        throw unavailable(
          `PostgreSQL runs as '${account.name}', which may not pass through ${path} (mode ${(mode & 0o7777).toString(8).padStart(4, '0')}): ` +
            `run 'chmod o+x ${path}', or choose another directory than ${directory}.`,
        );
      }
      await chown(path, uid, account.gid);
      await chmod(path, (mode & 0o7777) | 0o010);
    }
    if (path === dirname(path)) return;
  }
}

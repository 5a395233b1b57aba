import { readFile } from 'node:fs/promises';

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The first of these users the machine has; a daemon that answers guests does not run as root. */
export async function runAs(names: readonly string[]): Promise<SystemUser> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of [...names, 'nobody']) {
    const found = lines.find((fields) => fields[0] === name);
    if (found !== undefined) return { name, uid: Number(found[2]), gid: Number(found[3]) };
  }
  return { name: 'nobody', uid: 65_534, gid: 65_534 };
}

import { existsSync, readdirSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { runCommand } from '../../lib/command/run-command.ts';
import { messageOf } from '../../lib/errors.ts';
import { connectLibvirt, defaultSocketPath, getMetadata, isLibvirtError, listDomains } from '../../lib/libvirt/index.ts';
import { countOf, textTable } from './text-table.ts';

/** By what the things of one cloud are told on a host. */
export interface HostMarks {
  readonly cloudId: string;
  /** Directories in which only this cloud’s processes work. */
  readonly directories: readonly string[];
  readonly nftTable: string;
  /** Names it has written down, or had at an earlier look. */
  readonly devices: readonly string[];
  readonly namespaces: readonly string[];
  /** The mark in a domain's metadata, and the cloud it names. */
  readonly guestMark: { readonly uri: string; readonly prefix: string; readonly cloudOf: (xml: string) => string | null };
}

export interface Leftover {
  readonly kind: 'guest' | 'device' | 'namespace' | 'nft table' | 'process' | 'directory';
  readonly name: string;
}

export interface HostLook {
  readonly leftovers: readonly Leftover[];
  readonly notSeen: readonly string[];
}

/** Everything on this host that belongs to a cloud. */
export async function hostLeftovers(marks: HostMarks): Promise<HostLook> {
  const { signal } = new AbortController();
  const guests = await guestsOf(marks);
  const { stdout } = await runCommand({ program: 'nft', args: ['list', 'tables'], signal });
  const named = (kind: Leftover['kind'], names: readonly string[]): readonly Leftover[] => names.map((name) => ({ kind, name }));
  const namespaces = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  return {
    leftovers: [
      ...named('guest', guests.names),
      ...named(
        'device',
        [...new Set(marks.devices)].filter((name) => existsSync(`/sys/class/net/${name}`)),
      ),
      ...named(
        'namespace',
        marks.namespaces.filter((name) => namespaces.includes(name)),
      ),
      ...named(
        'nft table',
        [...stdout.matchAll(/^table (\S+) (\S+)$/gm)].flatMap(([, family, name]) => (name === marks.nftTable ? [`${family} ${name}`] : [])),
      ),
      ...named('process', await processesIn(marks)),
      ...named(
        'directory',
        marks.directories.filter((path) => existsSync(path)),
      ),
    ],
    notSeen: guests.notSeen,
  };
}

async function guestsOf({
  cloudId,
  guestMark,
}: HostMarks): Promise<{ readonly names: readonly string[]; readonly notSeen: readonly string[] }> {
  if (!existsSync(defaultSocketPath)) return { names: [], notSeen: [] };
  try {
    const client = await connectLibvirt({ transport: { kind: 'unix', path: defaultSocketPath }, name: 'qemu:///system', readOnly: true });
    try {
      const domains = await listDomains(client);
      const ours = await Promise.all(
        domains.map(async (domain) => {
          const mark = await getMetadata(client, domain, guestMark).catch((error: unknown) => {
            if (isLibvirtError(error, 'noDomain')) return null; // it is gone since
            throw error;
          });
          return mark !== null && guestMark.cloudOf(mark) === cloudId;
        }),
      );
      return { names: domains.filter((_, index) => ours[index]).map(({ name, uuid }) => `${name} (${uuid})`), notSeen: [] };
    } finally {
      client.close();
    }
  } catch (error) {
    return { names: [], notSeen: [`guests, for libvirt does not answer: ${messageOf(error)}`] };
  }
}

/** Processes that work in a directory of the cloud or were started with one, and guests by their name; not who asks, nor who started him. */
async function processesIn({ cloudId, directories }: HostMarks): Promise<readonly string[]> {
  const askers = await ancestors(process.pid);
  const within = (path: string): boolean => directories.some((directory) => path === directory || path.startsWith(`${directory}/`));
  const found = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name) && !askers.has(Number(name)))
      .map(async (pid) => {
        try {
          const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
          const program = words[0]?.split('/').at(-1) ?? '';
          const is =
            within(await readlink(`/proc/${pid}/cwd`)) ||
            words.some((word) => word.split(/[=,:]/).some(within)) ||
            words.some((word) => word.startsWith(`guest=${cloudId}-`));
          return is && program !== '' ? [`${pid} ${program}`] : [];
        } catch {
          return []; // it ended while we looked
        }
      }),
  );
  return found.flat();
}

async function ancestors(pid: number): Promise<ReadonlySet<number>> {
  const all = new Set<number>();
  for (let at = pid; at > 1 && !all.has(at);) {
    all.add(at);
    const stat = await readFile(`/proc/${at}/stat`, 'utf8').catch(() => '');
    at = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
  }
  return all;
}

export function leftoversText({ leftovers, notSeen }: HostLook, running: boolean): string {
  const rows = leftovers.map(({ kind, name }) => [kind, name]);
  const missing = notSeen.map((what) => `Not seen: ${what}\n`).join('');
  const end = running ? `${countOf(leftovers.length, 'thing')} of a cloud that runs\n` : `${countOf(leftovers.length, 'leftover')}\n`;
  return `${rows.length === 0 ? '' : textTable(['KIND', 'NAME'], rows)}${missing}${end}`;
}

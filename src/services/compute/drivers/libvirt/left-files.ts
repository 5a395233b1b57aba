import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict, invalid } from '../../../../lib/errors.ts';
import { isUuid } from '../../../../lib/ids.ts';
import { errnoOf } from '../../errno.ts';
import type { LeftFile, LeftFiles } from '../left-files.ts';

interface LeftFilesDeps {
  readonly instancesPath: string;
  /** Ids of guests that are there, and of those that are set aside. */
  readonly guests: () => Promise<ReadonlySet<string>>;
  readonly aside: () => Promise<ReadonlySet<string>>;
}

const asideSuffix = '_resize';
const copyPrefix = 'copy.';
const isFileName = (name: string): boolean => /^[\w.-]{1,100}$/.test(name);

/** What lies in the directory of guests: one directory for each, by its id. Anything else there, images above all, is nobody's. */
export function libvirtLeftFiles({ instancesPath, guests, aside }: LeftFilesDeps): LeftFiles {
  const within = (name: string): string => join(instancesPath, name);
  return {
    async list() {
      // the directories first: one that is made after this look is not taken for one without a guest
      const names = await readdir(instancesPath);
      const [there, setAside] = await Promise.all([guests(), aside()]);
      const found: LeftFile[] = [];
      for (const name of names) {
        const id = name.endsWith(asideSuffix) ? name.slice(0, -asideSuffix.length) : name;
        if (!isUuid(id)) continue;
        const touchedAt = await lastTouched(within(name));
        if (touchedAt === null) continue; // it is gone since
        if (!(name === id ? there : setAside).has(id)) found.push({ id, name, touchedAt });
        else if (name === id) found.push(...(await copiesIn(id)));
      }
      return found;
    },
    async remove({ id, name }) {
      const copy = name.startsWith(`${id}/${copyPrefix}`) && isFileName(name.slice(id.length + 1));
      if (!isUuid(id) || (name !== id && name !== `${id}${asideSuffix}` && !copy)) throw invalid(`'${name}' is no file of guest '${id}'.`);
      if (!copy && (name === id ? await guests() : await aside()).has(id))
        throw conflict(`Guest ${id} is there: its files are not left over.`);
      await rm(within(name), { recursive: true, force: true });
    },
  };

  async function copiesIn(id: string): Promise<readonly LeftFile[]> {
    const copies = (await readdir(within(id)).catch(noneIfGone)).filter((name) => name.startsWith(copyPrefix));
    const touched = await Promise.all(copies.map((name) => lastTouched(join(within(id), name))));
    return copies.flatMap((name, index) => {
      const touchedAt = touched[index];
      return touchedAt == null ? [] : [{ id, name: `${id}/${name}`, touchedAt }];
    });
  }
}

const noneIfGone = (error: unknown): [] => {
  if (errnoOf(error) === 'ENOENT') return [];
  throw error;
};

/** When something, or anything right in it, was last written; null when it is gone. */
async function lastTouched(path: string): Promise<number | null> {
  const at = async (one: string): Promise<number | null> =>
    stat(one).then(
      ({ mtimeMs }) => mtimeMs,
      (error: unknown) => {
        if (errnoOf(error) === 'ENOENT') return null;
        throw error;
      },
    );
  const own = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (own === null) return null;
  const inside = own.isDirectory() ? await readdir(path).catch(noneIfGone) : [];
  const times = await Promise.all(inside.map((name) => at(join(path, name))));
  return Math.max(own.mtimeMs, ...times.flatMap((time) => time ?? []));
}

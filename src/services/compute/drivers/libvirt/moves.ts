import { constants, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../../../config/index.ts';
import { powerStates } from '../../../../domain/instance.ts';
import { runCommand } from '../../../../lib/command/run-command.ts';
import { conflict, invalid, notFound, unsupported } from '../../../../lib/errors.ts';
import { isUuid } from '../../../../lib/ids.ts';
import { isLibvirtError, startDomain, undefineDomain, type LibvirtClient } from '../../../../lib/libvirt/index.ts';
import { errnoOf } from '../../errno.ts';
import { convertImage, qemuImg } from '../../examine-image.ts';
import { readQcow2Header } from '../../qcow2-header.ts';
import type { DiskSpec, GuestSpec } from '../driver.ts';
import type { GuestMoves } from '../guest-moves.ts';
import { makeDisk } from './guest-disks.ts';
import { diskFormatOf } from './host-survey.ts';
import { guestNotFound, type OwnedDomains } from './owned-domains.ts';
import { isOff, stateOf } from './power-down.ts';

interface LibvirtMovesDeps {
  /** Name of this host. */
  readonly hostName: string;
  readonly settings: Settings;
  readonly domains: OwnedDomains;
  readonly ask: <T>(work: (client: LibvirtClient) => Promise<T>) => Promise<T>;
  readonly directoryOf: (id: string) => string;
  readonly powerOff: (id: string, options: { readonly graceSeconds: number; readonly signal: AbortSignal }) => Promise<void>;
  /** Defines a guest whose disks are there; starts it when asked. */
  readonly define: (client: LibvirtClient, spec: GuestSpec, start: boolean, signal: AbortSignal) => Promise<void>;
  /** Removes a guest with its disks. */
  readonly remove: (id: string) => Promise<void>;
}

/** Nova's name of a directory that is set aside. */
const asideSuffix = '_resize';
/** Says in a directory that is set aside whose it is: its domain, which says so else, is gone. */
const markFile = 'set-aside';

/**
 * Another flavor on the same host. What is set aside is a directory under another name, with the disks as they were; the guest that takes
 * over has copies of them, so that there is a way back. Disks of other hosts are not reached.
 */
export function libvirtMoves(deps: LibvirtMovesDeps): GuestMoves {
  const { hostName, settings, domains, ask, directoryOf } = deps;
  const cloudId = settings.kilonova.cloud_id;
  const asideOf = (id: string): string => {
    if (!isUuid(id)) throw invalid(`'${id}' is not the id of an instance.`);
    return `${directoryOf(id)}${asideSuffix}`;
  };
  const reaches = (host: string): void => {
    if (host !== hostName) throw unsupported(`Host ${hostName} cannot take guests of ${host}: disks are not copied between hosts yet.`);
  };
  return {
    reaches,
    setAside: (id, { becomes, graceSeconds, signal }) =>
      ask(async (client) => {
        const directory = directoryOf(id);
        const aside = asideOf(id);
        if (await exists(aside)) return;
        if (!(await exists(directory))) throw guestNotFound(id);
        const domain = await domains.find(client, id);
        if (domain !== null) {
          await refuseSmaller(directory, becomes, settings);
          await deps.powerOff(id, { graceSeconds, signal });
          signal.throwIfAborted();
          await undefineDomain(client, domain, ['managedSave', 'snapshotsMetadata', 'checkpointsMetadata', 'keepNvram', 'keepTpm']).catch(
            (error: unknown) => {
              if (!isLibvirtError(error, 'noDomain')) throw error;
            },
          );
          domains.forget(id);
        }
        await writeFile(join(directory, markFile), cloudId);
        await rename(directory, aside);
      }),
    takeOver: (spec, { from, start, signal }) =>
      ask(async (client) => {
        reaches(from);
        const aside = asideOf(spec.id);
        if (!(await exists(aside))) throw notFound(`Nothing of guest ${spec.id} is set aside here.`, { code: 'guest-not-found' });
        const domain = await domains.find(client, spec.id);
        if (domain !== null) {
          // from an earlier try, whose disks were whole before it was defined
          if (start && isOff(await stateOf(client, domain))) await startDomain(client, domain);
          return;
        }
        const directory = directoryOf(spec.id);
        try {
          await makeSuccessor(spec, { from: aside, to: directory, settings, signal });
          await deps.define(client, spec, start, signal);
        } catch (error) {
          await deps.remove(spec.id);
          throw error;
        }
      }),
    discardAside: (id) => rm(asideOf(id), { recursive: true, force: true }),
    bringBack: (spec, { start, signal }) =>
      ask(async (client) => {
        const aside = asideOf(spec.id);
        const directory = directoryOf(spec.id);
        if (await exists(aside)) {
          await deps.remove(spec.id); // whoever took over
          await rename(aside, directory);
        }
        await rm(join(directory, markFile), { force: true });
        const domain = await domains.find(client, spec.id);
        if (domain === null && !(await exists(directory))) throw guestNotFound(spec.id);
        const runs = domain !== null && (await stateOf(client, domain)) === powerStates.running;
        if (domain === null || (start && !runs)) await deps.define(client, spec, start, signal);
      }),
    async aside() {
      const names = (await readdir(settings.DEFAULT.instances_path)).filter((name) => name.endsWith(asideSuffix));
      const ids = names.map((name) => name.slice(0, -asideSuffix.length)).filter(isUuid);
      const owners = await Promise.all(ids.map((id) => readFile(join(asideOf(id), markFile), 'utf8').catch(() => null)));
      return ids.filter((_, index) => owners[index] === cloudId);
    },
  };
}

/** Disks that are made anew for every guest. */
const isRemade = ({ file, device }: DiskSpec): boolean => file === 'disk.swap' || device === 'cdrom';

/** How much a disk holds, as the guest sees it. */
const virtualBytes = async (path: string, settings: Settings): Promise<number> =>
  diskFormatOf(settings) === 'raw' ? (await stat(path)).size : (await readQcow2Header(path)).virtualBytes;

/** A disk is never made smaller: nobody knows what is at its end. */
async function refuseSmaller(directory: string, becomes: readonly DiskSpec[], settings: Settings): Promise<void> {
  const wanted = new Map(becomes.map((disk) => [disk.file, disk]));
  for (const file of (await readdir(directory)).filter((name) => name === 'disk' || /^disk\.eph\d+$/.test(name))) {
    const disk = wanted.get(file);
    if (disk !== undefined && (isRemade(disk) || disk.bytes === null)) continue;
    if (disk === undefined || (disk.bytes ?? 0) < (await virtualBytes(join(directory, file), settings)))
      throw conflict('Resize error: Unable to resize disk down.', { code: 'resize-down' });
  }
}

/** The directory of a guest that takes over: copies of the disks there were, as large as they shall be, and new ones beside them. */
async function makeSuccessor(
  spec: GuestSpec,
  { from, to, settings, signal }: { readonly from: string; readonly to: string; readonly settings: Settings; readonly signal: AbortSignal },
): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true, mode: 0o755 });
  const format = diskFormatOf(settings);
  for (const disk of spec.disks) {
    const [old, path] = [join(from, disk.file), join(to, disk.file)];
    if (isRemade(disk) || !(await exists(old))) {
      await makeDisk(disk, path, settings, signal);
      continue;
    }
    if (format === 'raw') await convertImage({ from: old, fromFormat: 'raw', to: path, toFormat: 'raw', settings, signal });
    else await copyFile(old, path, constants.COPYFILE_FICLONE);
    signal.throwIfAborted();
    if (disk.bytes !== null && disk.bytes > (await virtualBytes(path, settings)))
      await runCommand({ ...qemuImg(settings, signal), args: ['resize', '-q', '-f', format, '--', path, String(disk.bytes)] });
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    },
  );

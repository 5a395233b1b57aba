import { copyFile, rm } from 'node:fs/promises';
import type { Settings } from '../../../../config/index.ts';
import type { Clock } from '../../../../lib/clock.ts';
import { runCommand } from '../../../../lib/command/run-command.ts';
import { conflict, internal, unavailable } from '../../../../lib/errors.ts';
import {
  abortBlockJob,
  copyDisk,
  freezeFileSystems,
  getBlockJob,
  isLibvirtError,
  thawFileSystems,
  type DomainRef,
  type LibvirtClient,
} from '../../../../lib/libvirt/index.ts';
import type { Log } from '../../../../lib/log.ts';
import { el, toXml } from '../../../../lib/xml/build.ts';
import { errnoOf } from '../../errno.ts';
import { qemuImg } from '../../examine-image.ts';
import type { DiskCopy } from '../driver.ts';
import type { PlacedDisk } from './disk-layout.ts';

export interface DiskCopying {
  readonly disk: PlacedDisk;
  /** The file that is written. */
  readonly path: string;
  readonly copy: DiskCopy;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const lookEveryMs = 200;
const hoursMs = 12 * 3_600_000;

/** Copies a disk that nobody writes, with everything it is based on, into a file that stands alone. */
export async function copyAtRest({ disk, path, copy, settings, signal }: DiskCopying): Promise<void> {
  await rm(path, { force: true });
  try {
    if (copy.format === 'iso') return await copyFile(disk.path, path);
    const command = qemuImg(settings, signal);
    const compress = copy.format === 'qcow2' && settings.libvirt.snapshot_compression ? ['-c'] : [];
    await runCommand({
      ...command,
      limits: { addressSpaceBytes: command.limits?.addressSpaceBytes ?? 0 },
      timeoutMs: hoursMs,
      args: ['convert', ...compress, '-f', disk.format, '-O', copy.format, '-t', 'writeback', '--', disk.path, path],
    });
  } catch (error) {
    await rm(path, { force: true });
    throw noSpace(error) ? unavailable('There is no room on the host for a copy of the disk.', { code: 'no-room', cause: error }) : error;
  }
}

/**
 * Copies the disk of a guest that runs: QEMU mirrors it until both are the same and lets go of the copy then, while the guest's file
 * systems are at rest where that is asked for.
 */
export async function copyWhileRunning(client: LibvirtClient, domain: DomainRef, running: boolean, copying: DiskCopying): Promise<void> {
  const { disk, path, copy, settings, clock, signal } = copying;
  if (copy.format === 'iso' || disk.device === 'cdrom') return copyAtRest(copying); // nobody can write it
  const compressed = copy.format === 'qcow2' && settings.libvirt.snapshot_compression;
  const mirror = compressed ? `${path}.mirror` : path;
  await letGo(client, domain, disk); // of what an interrupted try has begun
  await rm(mirror, { force: true });
  try {
    const destination = el('disk', { type: 'file' }, el('source', { file: mirror }), el('driver', { type: copy.format }));
    await copyDisk(client, domain, disk.target, toXml(destination), { flags: ['transientJob'] });
    for (;;) {
      const job = await getBlockJob(client, domain, disk.target);
      if (job === null) throw internal('The hypervisor gave up copying the disk.');
      if (job.cur === job.end && job.end > 0) break;
      await clock.sleep(lookEveryMs, signal);
    }
    const rests = running && (await comesToRest(client, domain, copying));
    try {
      await letGo(client, domain, disk);
    } finally {
      if (rests) await thawFileSystems(client, domain);
    }
    if (compressed) await copyAtRest({ ...copying, disk: { ...disk, path: mirror, format: 'qcow2' } });
  } catch (error) {
    await letGo(client, domain, disk).catch(() => undefined); // the guest is gone
    await rm(path, { force: true });
    throw error;
  } finally {
    if (compressed) await rm(mirror, { force: true });
  }
}

async function letGo(client: LibvirtClient, domain: DomainRef, disk: PlacedDisk): Promise<void> {
  if ((await getBlockJob(client, domain, disk.target)) !== null) await abortBlockJob(client, domain, disk.target);
}

/** Whether the guest's file systems are at rest now; they must be thawed then. */
async function comesToRest(client: LibvirtClient, domain: DomainRef, { copy, log }: DiskCopying): Promise<boolean> {
  if (copy.quiesce === 'never') return false;
  try {
    await freezeFileSystems(client, domain);
    return true;
  } catch (error) {
    // some of them may be: the agent keeps what it has frozen
    await thawFileSystems(client, domain).catch(() => undefined);
    const unanswered = isLibvirtError(error, 'argumentUnsupported', 'configUnsupported', 'agentUnresponsive', 'operationInvalid');
    if (copy.quiesce === 'must')
      throw conflict(
        unanswered
          ? 'Its file systems cannot be brought to rest: no agent answers in the guest.'
          : 'The agent cannot bring its file systems to rest.',
        { code: 'no-agent', cause: error },
      );
    log.info({ instanceId: domain.uuid, err: error }, 'a disk is copied although the file systems of the guest are not at rest');
    return false;
  }
}

const noSpace = (error: unknown): boolean =>
  errnoOf(error) === 'ENOSPC' ||
  (error instanceof Error && error.cause instanceof Error && error.cause.message.includes('No space left on device'));

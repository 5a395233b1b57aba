import { access, constants, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestEvent } from '../../../../domain/hosts.ts';
import { powerStates } from '../../../../domain/instance.ts';
import type { PlacedDevice } from '../../../../domain/metadata/tagged-devices.ts';
import { conflict, internal, invalid, notFound } from '../../../../lib/errors.ts';
import { isUuid } from '../../../../lib/ids.ts';
import {
  defineDomain,
  getDomainStats,
  getDomainXml,
  hasManagedSave,
  injectNmi,
  isLibvirtError,
  managedSaveDomain,
  onDomainEvent,
  readLifecycle,
  removeManagedSave,
  resizeDisk,
  resumeDomain,
  startDomain,
  suspendDomain,
  undefineDomain,
  type DomainRef,
  type DomainStats,
  type LibvirtClient,
} from '../../../../lib/libvirt/index.ts';
import { retry } from '../../../../lib/retry.ts';
import { parseXml } from '../../../../lib/xml/parse.ts';
import { attributeAt, findAll } from '../../../../lib/xml/query.ts';
import { errnoOf } from '../../errno.ts';
import { eventQueue } from '../../event-queue.ts';
import type { GuestSpec, HypervisorDriver, PluggedInterface } from '../driver.ts';
import type { DriverDeps } from '../index.ts';
import { ensureBridges } from './bridges.ts';
import { readLogTail } from './console-log.ts';
import { consoleLogPath, domainXml, interfaceElement, type DomainHost } from './domain-xml.ts';
import { domainStateAt, guestEventOf, powerStateOf } from './domain-state.ts';
import { guestConsoles, serialPortsInUse } from './guest-consoles.ts';
import { copyAtRest, copyWhileRunning } from './copy-disk.ts';
import { diskLayout } from './disk-layout.ts';
import { hasRescueDisks, makeConfigDrive, makeGuestDisks, makeRescueDisks, removeRescueDisks } from './guest-disks.ts';
import { setGuestPassword } from './guest-password.ts';
import { surveyHost } from './host-survey.ts';
import { readHostFacts, uptimeLine } from './host-facts.ts';
import { hypervisorError } from './hypervisor-error.ts';
import { libvirtLeftFiles } from './left-files.ts';
import { openLibvirtLink } from './libvirt-link.ts';
import { libvirtMoves } from './moves.ts';
import { guestNotFound, ownedDomains } from './owned-domains.ts';
import { placedDevices } from './placed-devices.ts';
import { plugIn, unplug, type DetachPatience, type PluggedDevice } from './plugging.ts';
import { readDiagnostics } from './read-diagnostics.ts';
import { goesDown, isOff, stateOf, switchOff } from './power-down.ts';
import { forgetPassphrase, keepPassphrase, pluggedVolume, volumeElement } from './volume-disk.ts';
import { portWasTaken, serialPortBook } from './serial-ports.ts';

/** Guests on QEMU by way of libvirt. Only domains that carry this cloud's mark exist for it. */
export async function openLibvirtDriver({ host: hostName, settings, clock, log }: DriverDeps): Promise<HypervisorDriver> {
  const instancesPath = settings.DEFAULT.instances_path;
  const cloudId = settings.kilonova.cloud_id;
  await mkdir(instancesPath, { recursive: true, mode: 0o755 });
  const happenings = eventQueue<GuestEvent>();
  const domains = ownedDomains(cloudId);
  const directoryOf = (id: string): string => join(instancesPath, id);
  const copyPath = (id: string, name: string): string => {
    if (!isUuid(id) || !/^[\w-]{1,64}$/.test(name)) throw invalid(`'${name}' is not the name of a copy.`);
    return join(directoryOf(id), `copy.${name}`);
  };

  const link = await openLibvirtLink({
    uri: settings.libvirt.connection_uri === '' ? 'qemu:///system' : settings.libvirt.connection_uri,
    clock,
    log,
    onConnected: async (client) => {
      await onDomainEvent(client, 'lifecycle', (message) => {
        const lifecycle = readLifecycle(message);
        const event = guestEventOf(lifecycle);
        if (event === null) return;
        const tell = (): void => happenings.push({ instanceId: lifecycle.domain.uuid, event, at: clock.now() });
        if (domains.remembers(lifecycle.domain.uuid)) return tell();
        domains.isOurs(client, lifecycle.domain).then(
          (mine) => mine && tell(),
          () => undefined, // gone: there is nothing to tell
        );
      });
    },
  });
  const host = await surveyHost(link.client(), settings, instancesPath, log).catch(async (error: unknown) => {
    await link.close();
    throw hypervisorError(error);
  });

  /** Runs with a connection; failures come in our words. */
  async function ask<T>(work: (client: LibvirtClient) => Promise<T>): Promise<T> {
    try {
      return await work(link.client());
    } catch (error) {
      throw hypervisorError(error);
    }
  }

  const { serial_console: serial } = settings;
  const serialPorts = serial.enabled
    ? serialPortBook({ range: serial.port_range, host: serial.proxyclient_address, heldAlready: () => ask(serialPortsInUse) })
    : null;
  const xmlOf = async (spec: GuestSpec): Promise<string> => {
    const ports = await serialPorts?.take(spec.id, spec.devices.serialPorts ?? 1);
    return domainXml(spec, {
      ...host.domain,
      directory: directoryOf(spec.id),
      serial: ports === undefined ? null : { host: serial.proxyclient_address, ports },
    } satisfies DomainHost);
  };

  const patience = (signal: AbortSignal): DetachPatience => ({
    attempts: settings.libvirt.device_detach_attempts,
    secondsEach: settings.libvirt.device_detach_timeout,
    clock,
    signal,
  });

  /** Defines a guest anew from its description, and starts it unless told otherwise. */
  async function startAnew(client: LibvirtClient, spec: GuestSpec, signal: AbortSignal, start = true): Promise<void> {
    const directory = directoryOf(spec.id);
    for (const { file } of spec.disks) {
      if (!(await exists(join(directory, file)))) throw internal(`The guest's disk '${file}' is not on the host any more.`);
    }
    signal.throwIfAborted();
    await define(client, spec, { start: start ? 'running' : null }, signal);
  }

  /** Defines a guest whose disks are there, and starts it unless told otherwise; a port that was taken at the last moment is given up for another. */
  async function define(
    client: LibvirtClient,
    spec: GuestSpec,
    { start, isNew = false }: { readonly start: 'running' | 'paused' | null; readonly isNew?: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    await keepPassphrases(client, spec);
    const attempt = async (): Promise<void> => {
      const domain = await defineDomain(client, await xmlOf(spec), isNew ? ['validate'] : []);
      domains.remember(spec.id);
      await makeConfigDrive(spec, directoryOf(spec.id), () => placesIn(client, domain), signal);
      if (start === null) return;
      signal.throwIfAborted();
      log.debug({ instanceId: spec.id }, 'the hypervisor is told to start a guest');
      await startDomain(client, domain, start === 'paused' ? ['paused'] : []);
    };
    await retry(attempt, { clock, signal, attempts: 5, delayMs: 10, when: portWasTaken });
  }

  const driver: HypervisorDriver = {
    imageFiles: { directory: instancesPath },
    ports: { prepare: ensureBridges },
    problems: () => [link.problem()].flatMap((problem) => problem ?? []),
    uptime: () => Promise.resolve(uptimeLine(new Date(clock.now()))),
    events: (signal) => happenings.follow(signal),
    close: () => link.close(),

    inventory: () =>
      ask(async (client) => {
        const facts = await readHostFacts(instancesPath);
        const mine = await domains.all(client);
        const stats = await statsOf(client, mine, ['state', 'vcpu', 'balloon']);
        const sum = (key: string): number => stats.reduce((total, each) => total + Number(each.stats[key] ?? 0), 0);
        const { diskAvailableLeast, localGbUsed, ...has } = facts;
        return {
          ...host.facts,
          ...has,
          vcpusUsed: sum('vcpu.maximum'),
          memoryMbUsed: Math.round(sum('balloon.maximum') / 1024),
          localGbUsed,
          diskAvailableLeast,
          runningVms: stats.filter((each) => each.stats['state.state'] === 1).length,
        };
      }),

    guests: () =>
      ask(async (client) => {
        const mine = await domains.all(client);
        const stats = await statsOf(client, mine, ['state']);
        return stats.map(({ domain, stats: { 'state.state': state } }) => ({
          id: domain.uuid,
          name: domain.name,
          powerState: powerStateOf[domainStateAt(Number(state ?? 0))],
        }));
      }),

    inspect: (id) =>
      ask(async (client) => {
        const domain = await domains.find(client, id);
        return domain === null ? null : { id, name: domain.name, powerState: await stateOf(client, domain) };
      }),

    spawn: (spec, { paused, signal }) =>
      ask(async (client) => {
        signal.throwIfAborted();
        if ((await domains.find(client, spec.id)) !== null)
          throw conflict(`Guest ${spec.id} is on this host already.`, { code: 'guest-exists' });
        await makeGuestDisks(spec, directoryOf(spec.id), settings, signal);
        try {
          // from here on libvirt is not left in the middle of a call: what it has begun it would finish behind our back
          await define(client, spec, { start: paused ? 'paused' : 'running', isNew: true }, signal);
          signal.throwIfAborted();
        } catch (error) {
          await remove(spec.id).catch((failure: unknown) =>
            log.error({ instanceId: spec.id, err: failure }, 'remains of a failed guest could not be removed'),
          );
          throw error;
        }
      }),

    destroy: (id) => remove(id),

    powerOff: (id, { graceSeconds, signal }) =>
      ask(async (client) => {
        const domain = await domains.get(client, id);
        const state = await stateOf(client, domain);
        if (isOff(state)) return;
        // a guest whose processors stand still cannot hear that it should go down
        if (graceSeconds > 0 && state === powerStates.running && (await goesDown(client, domain, { clock, graceSeconds, signal }))) return;
        await switchOff(client, domain, clock);
      }),

    powerOn: (spec, signal) =>
      ask(async (client) => {
        const domain = await domains.find(client, spec.id);
        if (domain === null && !(await exists(directoryOf(spec.id)))) throw guestNotFound(spec.id);
        if (domain !== null && !isOff(await stateOf(client, domain))) return;
        await startAnew(client, spec, signal);
      }),

    softReboot: (id, { graceSeconds, signal }) =>
      ask(async (client) => {
        const domain = await domains.get(client, id);
        if (!(await goesDown(client, domain, { clock, graceSeconds, signal }))) return false;
        await startDomain(client, domain);
        return true;
      }),

    hardReboot: (spec, signal) =>
      ask(async (client) => {
        const domain = await domains.find(client, spec.id);
        if (domain === null && !(await exists(directoryOf(spec.id)))) throw guestNotFound(spec.id);
        if (domain !== null) await switchOffForGood(client, spec.id);
        await startAnew(client, spec, signal);
      }),

    pause: (id) =>
      ask(async (client) => {
        const domain = await domains.get(client, id);
        if ((await stateOf(client, domain)) !== powerStates.paused) await suspendDomain(client, domain);
      }),

    unpause: (id) =>
      ask(async (client) => {
        const domain = await domains.get(client, id);
        if ((await stateOf(client, domain)) !== powerStates.running) await resumeDomain(client, domain);
      }),

    suspend: (id) =>
      ask(async (client) => {
        const domain = await domains.get(client, id);
        if (isOff(await stateOf(client, domain)) && (await hasManagedSave(client, domain))) return;
        await managedSaveDomain(client, domain);
      }),

    resume: (spec, signal) =>
      ask(async (client) => {
        const domain = await domains.find(client, spec.id);
        if (domain === null) throw guestNotFound(spec.id);
        const state = await stateOf(client, domain);
        if (state === powerStates.running) return;
        if (isOff(state)) {
          // saved memory belongs to the definition it was saved with
          if (await hasManagedSave(client, domain)) await startDomain(client, domain);
          else await startAnew(client, spec, signal);
        }
        if ((await stateOf(client, domain)) === powerStates.paused) await resumeDomain(client, domain);
      }),

    leftFiles: libvirtLeftFiles({
      instancesPath,
      guests: async () => new Set((await driver.guests()).map(({ id }) => id)),
      aside: async () => new Set(await driver.moves?.aside()),
    }),

    moves: libvirtMoves({
      hostName,
      settings,
      domains,
      ask,
      directoryOf,
      powerOff: (id, options) => driver.powerOff(id, options),
      define: (client, spec, start, signal) => startAnew(client, spec, signal, start),
      remove,
    }),

    attachInterface: (id, port) =>
      ask(async (client) => {
        await plugIn(client, await domains.get(client, id), pluggedInterface(port), interfaceElement(port, host.domain));
      }),

    attachVolume: (spec, volume) =>
      ask(async (client) => {
        const domain = await domains.get(client, spec.id);
        const { volumes } = diskLayout(
          { ...spec, volumes: [...(spec.volumes ?? []), volume] },
          { ...host.domain, directory: directoryOf(spec.id) },
        );
        await keepPassphrase(client, volume);
        await plugIn(client, domain, pluggedVolume(volume.volumeId), volumeElement(volumes.at(-1)!));
      }),

    detachVolume: (id, volumeId, signal) =>
      ask(async (client) => {
        await unplug(client, await domains.get(client, id), pluggedVolume(volumeId), patience(signal));
        await forgetPassphrase(client, volumeId);
      }),

    growVolume: (id, volumeId, bytes) =>
      ask(async (client) => {
        const domain = await domains.get(client, id);
        const disk = pluggedVolume(volumeId).findIn(parseXml(await getDomainXml(client, domain)));
        if (disk === undefined) throw notFound(`Guest ${id} has no volume ${volumeId}.`, { code: 'volume-not-attached' });
        if (isOff(await stateOf(client, domain))) return;
        await resizeDisk(client, domain, attributeAt(disk, 'target', 'dev') ?? '', bytes);
      }),

    detachInterface: (id, port, signal) =>
      ask(async (client) => unplug(client, await domains.get(client, id), pluggedInterface(port), patience(signal))),

    diagnostics: (id) => ask(async (client) => readDiagnostics(client, await domains.get(client, id))),

    copyRootDisk: (spec, copy, signal) =>
      ask(async (client) => {
        const domain = await domains.get(client, spec.id);
        const state = await stateOf(client, domain);
        const directory = directoryOf(spec.id);
        const [disk] = diskLayout(spec, { ...host.domain, directory }).disks;
        if (disk === undefined) throw conflict('The guest has no disk of its own.', { code: 'no-disk' });
        const copying = { disk, path: copyPath(spec.id, copy.name), copy, settings, clock, log, signal };
        if (isOff(state)) await copyAtRest(copying);
        else await copyWhileRunning(client, domain, state === powerStates.running, copying);
      }),

    readCopy: async (id, name) => {
      try {
        const file = await open(copyPath(id, name));
        return { bytes: (await file.stat()).size, data: file.createReadStream() };
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
        throw notFound(`There is no copy ${name} of the disk of guest ${id}.`, { cause: error });
      }
    },

    discardCopy: (id, name) => rm(copyPath(id, name), { force: true }),

    rescue: (spec, signal) =>
      ask(async (client) => {
        const encrypted = await encryptedVolumes(client, await domains.get(client, spec.id));
        await switchOffForGood(client, spec.id);
        for (const volumeId of encrypted) await forgetPassphrase(client, volumeId);
        await makeRescueDisks(spec, directoryOf(spec.id), settings, signal);
        await startAnew(client, spec, signal);
      }),

    unrescue: (spec, signal) =>
      ask(async (client) => {
        const domain = await domains.get(client, spec.id);
        if (!isOff(await stateOf(client, domain)) && !(await hasRescueDisks(directoryOf(spec.id)))) return; // it is not rescued
        await switchOffForGood(client, spec.id);
        await startAnew(client, spec, signal);
        await removeRescueDisks(directoryOf(spec.id));
      }),

    setPassword: (id, { user, password }) => ask(async (client) => setGuestPassword(client, await domains.get(client, id), user, password)),

    interrupt: (id) => ask(async (client) => injectNmi(client, await domains.get(client, id))),

    consoleLog: (id, maxBytes) =>
      ask(async (client) => {
        await domains.get(client, id);
        return readLogTail(consoleLogPath(directoryOf(id)), maxBytes);
      }),

    placedDevices: (id) => ask(async (client) => placesIn(client, await domains.get(client, id))),
    consoles: guestConsoles(settings, domains, ask),
  };

  /** Off, with what was kept of its memory gone, so that its next start is a start. */
  async function switchOffForGood(client: LibvirtClient, id: string): Promise<void> {
    const domain = await domains.get(client, id);
    await switchOff(client, domain, clock);
    if (await hasManagedSave(client, domain)) await removeManagedSave(client, domain);
  }

  async function remove(id: string): Promise<void> {
    await ask(async (client) => {
      const domain = await domains.find(client, id);
      if (domain !== null) {
        const encrypted = await encryptedVolumes(client, domain);
        await switchOff(client, domain, clock);
        for (const volumeId of encrypted) await forgetPassphrase(client, volumeId);
        await undefineDomain(client, domain, ['managedSave', 'snapshotsMetadata', 'checkpointsMetadata', 'nvram']).catch(
          (error: unknown) => {
            if (!isLibvirtError(error, 'noDomain')) throw error; // it was transient
          },
        );
      }
      await rm(directoryOf(id), { recursive: true, force: true });
      domains.forget(id);
      serialPorts?.release(id);
    });
  }
  return driver;
}

const placesIn = async (client: LibvirtClient, domain: DomainRef): Promise<readonly PlacedDevice[]> =>
  placedDevices(parseXml(await getDomainXml(client, domain)));

const keepPassphrases = async (client: LibvirtClient, { volumes = [] }: GuestSpec): Promise<void> => {
  for (const volume of volumes) await keepPassphrase(client, volume);
};

/** The volumes of a guest that are opened with a passphrase. */
const encryptedVolumes = async (client: LibvirtClient, domain: DomainRef): Promise<readonly string[]> =>
  findAll(parseXml(await getDomainXml(client, domain)), 'devices/disk').flatMap(
    (disk) => attributeAt(disk, 'source/encryption/secret', 'uuid') ?? [],
  );

const pluggedInterface = ({ portId, macAddress }: PluggedInterface): PluggedDevice => ({
  called: `the interface of port ${portId}`,
  findIn: (domain) =>
    findAll(domain, 'devices/interface').find(
      (device) => attributeAt(device, 'mac', 'address')?.toLowerCase() === macAddress.toLowerCase(),
    ),
});

const exists = (path: string): Promise<boolean> =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  );

/** Statistics of those that are still there. An empty list would ask for every domain of the host. */
async function statsOf(
  client: LibvirtClient,
  domains: readonly DomainRef[],
  groups: readonly ('state' | 'vcpu' | 'balloon')[],
): Promise<readonly DomainStats[]> {
  if (domains.length === 0) return [];
  try {
    return await getDomainStats(client, { domains, groups, flags: ['noWait'] });
  } catch (error) {
    if (!isLibvirtError(error, 'noDomain')) throw error;
    const each = await Promise.all(
      domains.map((domain) => getDomainStats(client, { domains: [domain], groups, flags: ['noWait'] }).catch(() => [])),
    );
    return each.flat();
  }
}

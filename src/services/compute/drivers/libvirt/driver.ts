import { access, constants, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestEvent } from '../../../../domain/hosts.ts';
import { powerStates, type PowerState } from '../../../../domain/instance.ts';
import { conflict, invalid, notFound } from '../../../../lib/errors.ts';
import { isUuid } from '../../../../lib/ids.ts';
import {
  defineDomain,
  destroyDomain,
  findDomain,
  getDomainState,
  getDomainStats,
  getDomainXml,
  getMetadata,
  hasManagedSave,
  isLibvirtError,
  listDomains,
  managedSaveDomain,
  onDomainEvent,
  readLifecycle,
  resumeDomain,
  shutdownDomain,
  startDomain,
  suspendDomain,
  undefineDomain,
  type DomainRef,
  type LibvirtClient,
} from '../../../../lib/libvirt/index.ts';
import { retry } from '../../../../lib/retry.ts';
import { parseXml } from '../../../../lib/xml/parse.ts';
import { find } from '../../../../lib/xml/query.ts';
import { eventQueue } from '../../event-queue.ts';
import type { GuestInfo, GuestSpec, HypervisorDriver } from '../driver.ts';
import type { DriverDeps } from '../index.ts';
import { ensureBridges } from './bridges.ts';
import { writeConfigDrive } from './config-drive.ts';
import { readLogTail } from './console-log.ts';
import { consoleLogPath, domainXml, type DomainHost } from './domain-xml.ts';
import { guestEventOf, powerStateOf } from './domain-state.ts';
import { makeGuestDisks } from './guest-disks.ts';
import { cloudOfMark, markNamespace } from './guest-mark.ts';
import { surveyHost } from './host-survey.ts';
import { readHostFacts, uptimeLine } from './host-facts.ts';
import { hypervisorError } from './hypervisor-error.ts';
import { openLibvirtLink } from './libvirt-link.ts';

/** How often a guest that was asked to shut down is asked again, and looked at. */
const askAgainMs = 10_000;
const lookEveryMs = 500;

/** Guests on QEMU by way of libvirt. Only domains that carry this cloud's mark exist for it. */
export async function openLibvirtDriver({ settings, clock, log }: DriverDeps): Promise<HypervisorDriver> {
  const instancesPath = settings.DEFAULT.instances_path;
  const cloudId = settings.kilonova.cloud_id;
  await mkdir(instancesPath, { recursive: true, mode: 0o755 });
  const happenings = eventQueue<GuestEvent>();
  const ours = new Set<string>();

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
        if (ours.has(lifecycle.domain.uuid)) return tell();
        isOurs(client, lifecycle.domain).then(
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

  async function isOurs(client: LibvirtClient, domain: DomainRef): Promise<boolean> {
    const mark = await getMetadata(client, domain, markNamespace);
    const mine = mark !== null && cloudOfMark(mark) === cloudId;
    if (mine) ours.add(domain.uuid);
    return mine;
  }

  /** Runs with a connection; failures come in our words. */
  async function ask<T>(work: (client: LibvirtClient) => Promise<T>): Promise<T> {
    try {
      return await work(link.client());
    } catch (error) {
      throw hypervisorError(error);
    }
  }

  const directoryOf = (id: string): string => {
    if (!isUuid(id)) throw invalid(`'${id}' is not the id of an instance.`);
    return join(instancesPath, id);
  };
  const absent = (id: string) => notFound(`There is no guest ${id} on this host.`, { code: 'guest-not-found' });

  /** The domain of a guest of ours, or null. One of somebody else under this id is never touched. */
  async function lookUp(client: LibvirtClient, id: string): Promise<DomainRef | null> {
    directoryOf(id);
    const domain = await findDomain(client, id);
    if (domain === null) return null;
    if (!(await isOurs(client, domain)))
      throw conflict(`Domain ${id} on this hypervisor belongs to somebody else.`, { code: 'foreign-guest' });
    return domain;
  }
  async function must(client: LibvirtClient, id: string): Promise<DomainRef> {
    const domain = await lookUp(client, id);
    if (domain === null) throw absent(id);
    return domain;
  }
  const stateOf = async (client: LibvirtClient, domain: DomainRef): Promise<PowerState> =>
    powerStateOf[(await getDomainState(client, domain)).state];
  const isOff = (state: PowerState): boolean => state === powerStates.shutdown || state === powerStates.crashed;

  const xmlOf = (spec: GuestSpec): string => domainXml(spec, { ...host.domain, directory: directoryOf(spec.id) } satisfies DomainHost);

  async function switchOff(client: LibvirtClient, domain: DomainRef): Promise<void> {
    try {
      // a process in the middle of its input and output may outlive the first SIGKILL
      await retry(() => destroyDomain(client, domain), {
        clock,
        attempts: 3,
        delayMs: 1000,
        when: (error) => isLibvirtError(error, 'resourceBusy', 'systemError'),
      });
    } catch (error) {
      if (!isLibvirtError(error, 'operationInvalid', 'noDomain')) throw error; // off already
    }
  }

  /** Defines a guest anew from its description, and starts it. */
  async function startAnew(client: LibvirtClient, spec: GuestSpec, signal: AbortSignal): Promise<void> {
    const directory = directoryOf(spec.id);
    for (const { file } of spec.disks) await stat(join(directory, file)); // libvirt's own message would not say which
    const drive = join(directory, 'disk.config');
    if (spec.configDrive !== null && !(await exists(drive))) await writeConfigDrive(spec.configDrive, drive, signal);
    signal.throwIfAborted();
    await startDomain(client, await defineDomain(client, xmlOf(spec)));
    ours.add(spec.id);
  }

  /** Whether the guest is off within so many seconds after it was asked to shut down. */
  async function goesDown(client: LibvirtClient, domain: DomainRef, graceSeconds: number, signal: AbortSignal): Promise<boolean> {
    const deadline = clock.now() + graceSeconds * 1000;
    let askAt = clock.now();
    for (;;) {
      if (isOff(await stateOf(client, domain))) return true;
      const now = clock.now();
      if (now >= deadline) return false;
      if (now >= askAt) {
        askAt = now + askAgainMs;
        await shutdownDomain(client, domain, ['acpi']).catch((error: unknown) => {
          if (!isLibvirtError(error, 'operationInvalid')) throw error; // just went off
        });
      }
      await clock.sleep(Math.min(lookEveryMs, deadline - now), signal);
    }
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
        const guests = await Promise.all(
          (await listDomains(client)).map(async (domain) => ((await isOurs(client, domain).catch(goneIsFalse)) ? domain : null)),
        );
        const mine = guests.filter((domain) => domain !== null);
        const stats =
          mine.length === 0 ? [] : await getDomainStats(client, { domains: mine, groups: ['state', 'vcpu', 'balloon'], flags: ['noWait'] });
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
        const found = await Promise.all(
          (await listDomains(client)).map(async (domain): Promise<GuestInfo | null> => {
            try {
              return (await isOurs(client, domain))
                ? { id: domain.uuid, name: domain.name, powerState: await stateOf(client, domain) }
                : null;
            } catch (error) {
              if (isLibvirtError(error, 'noDomain')) return null; // just went away
              throw error;
            }
          }),
        );
        return found.filter((guest) => guest !== null);
      }),

    inspect: (id) =>
      ask(async (client) => {
        const domain = await lookUp(client, id);
        return domain === null ? null : { id, name: domain.name, powerState: await stateOf(client, domain) };
      }),

    spawn: (spec, { paused, signal }) =>
      ask(async (client) => {
        signal.throwIfAborted();
        if ((await lookUp(client, spec.id)) !== null) throw conflict(`Guest ${spec.id} is on this host already.`, { code: 'guest-exists' });
        const xml = xmlOf(spec);
        await makeGuestDisks(spec, directoryOf(spec.id), settings, signal);
        try {
          // from here on libvirt is not left in the middle of a call: what it has begun it would finish behind our back
          const domain = await defineDomain(client, xml, ['validate']);
          ours.add(spec.id);
          signal.throwIfAborted();
          await startDomain(client, domain, paused ? ['paused'] : []);
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
        const domain = await must(client, id);
        const state = await stateOf(client, domain);
        if (isOff(state)) return;
        // a guest whose processors stand still cannot hear that it should go down
        if (graceSeconds > 0 && state === powerStates.running && (await goesDown(client, domain, graceSeconds, signal))) return;
        await switchOff(client, domain);
      }),

    powerOn: (spec, signal) =>
      ask(async (client) => {
        const domain = await lookUp(client, spec.id);
        if (domain === null && !(await exists(directoryOf(spec.id)))) throw absent(spec.id);
        if (domain !== null && !isOff(await stateOf(client, domain))) return;
        await startAnew(client, spec, signal);
      }),

    softReboot: (id, { graceSeconds, signal }) =>
      ask(async (client) => {
        const domain = await must(client, id);
        if (!(await goesDown(client, domain, graceSeconds, signal))) return false;
        await startDomain(client, domain);
        return true;
      }),

    hardReboot: (spec, signal) =>
      ask(async (client) => {
        const domain = await lookUp(client, spec.id);
        if (domain === null && !(await exists(directoryOf(spec.id)))) throw absent(spec.id);
        if (domain !== null) await switchOff(client, domain);
        await startAnew(client, spec, signal);
      }),

    pause: (id) =>
      ask(async (client) => {
        const domain = await must(client, id);
        if ((await stateOf(client, domain)) !== powerStates.paused) await suspendDomain(client, domain);
      }),

    unpause: (id) =>
      ask(async (client) => {
        const domain = await must(client, id);
        if ((await stateOf(client, domain)) !== powerStates.running) await resumeDomain(client, domain);
      }),

    suspend: (id) =>
      ask(async (client) => {
        const domain = await must(client, id);
        if (isOff(await stateOf(client, domain)) && (await hasManagedSave(client, domain))) return;
        await managedSaveDomain(client, domain);
      }),

    resume: (spec, signal) =>
      ask(async (client) => {
        const domain = await lookUp(client, spec.id);
        if (domain === null) throw absent(spec.id);
        const state = await stateOf(client, domain);
        if (state === powerStates.running) return;
        if (isOff(state)) {
          // saved memory belongs to the definition it was saved with
          if (await hasManagedSave(client, domain)) await startDomain(client, domain);
          else await startAnew(client, spec, signal);
        }
        if ((await stateOf(client, domain)) === powerStates.paused) await resumeDomain(client, domain);
      }),

    consoleLog: (id, maxBytes) =>
      ask(async (client) => {
        await must(client, id);
        return readLogTail(consoleLogPath(directoryOf(id)), maxBytes);
      }),

    ...(settings.vnc.enabled
      ? {
          vnc: (id: string) =>
            ask(async (client) => {
              const xml = parseXml(await getDomainXml(client, await must(client, id)));
              const port = Number(find(xml, 'devices/graphics')?.attributes['port'] ?? -1);
              if (port <= 0) throw conflict(`Guest ${id} does not run: it has no screen.`, { code: 'power-state' });
              return { host: settings.vnc.server_proxyclient_address, port };
            }),
        }
      : {}),
  };

  async function remove(id: string): Promise<void> {
    await ask(async (client) => {
      const domain = await lookUp(client, id);
      if (domain !== null) {
        await switchOff(client, domain);
        await undefineDomain(client, domain, ['managedSave', 'snapshotsMetadata', 'checkpointsMetadata', 'nvram']).catch(
          (error: unknown) => {
            if (!isLibvirtError(error, 'noDomain')) throw error; // it was transient
          },
        );
      }
      await rm(directoryOf(id), { recursive: true, force: true });
      ours.delete(id);
    });
  }
  return driver;
}

const goneIsFalse = (error: unknown): boolean => {
  if (isLibvirtError(error, 'noDomain')) return false;
  throw error;
};

const exists = (path: string): Promise<boolean> =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  );

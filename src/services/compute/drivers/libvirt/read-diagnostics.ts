import type { GuestDiagnostics, Traffic } from '../../../../domain/guest-diagnostics.ts';
import { powerStates } from '../../../../domain/instance.ts';
import { conflict } from '../../../../lib/errors.ts';
import { getDomainStats, getDomainXml, type DomainRef, type LibvirtClient } from '../../../../lib/libvirt/index.ts';
import { parseXml } from '../../../../lib/xml/parse.ts';
import { find, findAll } from '../../../../lib/xml/query.ts';
import { domainStateAt, powerStateOf } from './domain-state.ts';

/** How busy a running guest is, in one call for all its devices. */
export async function readDiagnostics(client: LibvirtClient, domain: DomainRef): Promise<GuestDiagnostics> {
  const groups = ['state', 'vcpu', 'balloon', 'interface', 'block'] as const;
  const [answer] = await getDomainStats(client, { domains: [domain], groups, flags: ['noWait'] });
  const stats = answer?.stats ?? {};
  const powerState = powerStateOf[domainStateAt(Number(stats['state.state'] ?? 0))];
  if (powerState !== powerStates.running)
    throw conflict(`Guest ${domain.uuid} does not run: there is nothing to diagnose.`, { code: 'power-state' });
  const number = (key: string): number => Number(stats[key] ?? 0);
  const count = (key: string): number[] => Array.from({ length: number(key) }, (_, index) => index);
  const traffic = (prefix: string): Traffic => ({
    octets: number(`${prefix}.bytes`),
    packets: number(`${prefix}.pkts`),
    errors: number(`${prefix}.errs`),
    dropped: number(`${prefix}.drop`),
  });
  const indexOf = new Map(count('net.count').map((index) => [String(stats[`net.${index}.name`]), index]));
  const xml = parseXml(await getDomainXml(client, domain));
  return {
    powerState,
    driver: 'libvirt',
    hypervisor: xml.attributes['type'] ?? null,
    hypervisorOs: 'linux',
    cpus: count('vcpu.maximum').flatMap((id) => {
      const time = stats[`vcpu.${id}.time`];
      return stats[`vcpu.${id}.state`] === undefined && time === undefined
        ? []
        : [{ id, timeNs: time === undefined ? null : Number(time) }];
    }),
    interfaces: findAll(xml, 'devices/interface').map((element) => {
      const device = find(element, 'target')?.attributes['dev'] ?? null;
      const index = device === null ? undefined : indexOf.get(device);
      return {
        macAddress: find(element, 'mac')?.attributes['address'] ?? '',
        device,
        received: index === undefined ? null : traffic(`net.${index}.rx`),
        sent: index === undefined ? null : traffic(`net.${index}.tx`),
      };
    }),
    disks: count('block.count').map((index) => ({
      name: String(stats[`block.${index}.name`] ?? ''),
      readBytes: number(`block.${index}.rd.bytes`),
      readRequests: number(`block.${index}.rd.reqs`),
      writeBytes: number(`block.${index}.wr.bytes`),
      writeRequests: number(`block.${index}.wr.reqs`),
      errors: null, // QEMU does not count them
    })),
    memory: {
      maximumKib: number('balloon.maximum'),
      usedKib: number('balloon.current'),
      told: Object.fromEntries(
        Object.entries(stats).flatMap(([key, value]) => {
          const name = /^balloon\.([a-z_-]+)$/.exec(key)?.[1];
          return name === undefined || name === 'maximum'
            ? []
            : [[name === 'current' ? 'actual' : name.replaceAll('-', '_'), Number(value)]];
        }),
      ),
    },
  };
}

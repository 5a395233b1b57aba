import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { readSettings, type LoadedSettings } from '../../config/index.ts';
import { invalid, KilonovaError, messageOf } from '../../lib/errors.ts';
import { freeNetworks } from './free-networks.ts';
import { writePrivately, type Secrets, type StateDirectory } from './state-directory.ts';

/** What the command line says; null leaves it to nova.conf. */
export interface UpFlags {
  readonly driver: 'libvirt' | 'fake' | null;
  readonly fakeHosts: number | null;
  /** The services take this port and the next ones; 0 lets the system choose each. */
  readonly portBase: number | null;
}

/** The listening services in the order of their ports above the base, with the option that holds each. */
const ports = [
  { group: 'kilonova', key: 'identity_port', usual: 5000 },
  { group: 'DEFAULT', key: 'osapi_compute_listen_port', usual: 8774 },
  { group: 'DEFAULT', key: 'metadata_listen_port', usual: 8775 },
  { group: 'kilonova', key: 'placement_port', usual: 8778 },
  { group: 'kilonova', key: 'image_port', usual: 9292 },
  { group: 'kilonova', key: 'network_port', usual: 9696 },
  { group: 'vnc', key: 'novncproxy_port', usual: 6080 },
  { group: 'serial_console', key: 'serialproxy_port', usual: 6083 },
  { group: 'spice', key: 'html5proxy_port', usual: 6082 },
  { group: 'kilonova', key: 'volume_port', usual: 8776 },
] as const;

/** The settings of a cloud: its `nova.conf`, written on the first start, and what the command line says on top. */
export async function cloudSettings(state: StateDirectory, secrets: Secrets, flags: UpFlags): Promise<LoadedSettings> {
  if (!existsSync(state.novaConf)) await writePrivately(state.novaConf, firstNovaConf(state, secrets, flags));
  let text: string;
  try {
    text = await readFile(state.novaConf, 'utf8');
  } catch (error) {
    throw invalid(`The configuration file ${state.novaConf} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return readSettings(`${text}\n${flagLines(flags)}`, state.novaConf);
}

const portLines = (base: number | null): readonly { readonly group: string; readonly line: string }[] =>
  base === null
    ? []
    : ports.flatMap(({ group, key }, index) => {
        const port = base === 0 ? 0 : base + index;
        return [{ group, line: `${key} = ${port}` }, ...addressOf(key, port)];
      });

/** Where users are sent for what listens on a port. */
function addressOf(key: string, port: number): readonly { readonly group: string; readonly line: string }[] {
  if (key === 'novncproxy_port') return [{ group: 'vnc', line: `novncproxy_base_url = http://127.0.0.1:${port}/vnc_auto.html` }];
  if (key === 'html5proxy_port') return [{ group: 'spice', line: `html5proxy_base_url = http://127.0.0.1:${port}/spice_auto.html` }];
  if (key === 'serialproxy_port') return [{ group: 'serial_console', line: `base_url = ws://127.0.0.1:${port}/` }];
  return [];
}

function flagLines({ driver, fakeHosts, portBase }: UpFlags): string {
  const lines = [
    ...(driver === null
      ? []
      : [{ group: 'DEFAULT', line: `compute_driver = ${driver === 'fake' ? 'fake.FakeDriver' : 'libvirt.LibvirtDriver'}` }]),
    ...(driver === 'fake' ? [{ group: 'kilonova', line: 'network_data_plane = none' }] : []),
    ...(fakeHosts === null ? [] : [{ group: 'kilonova', line: `fake_hosts = ${fakeHosts}` }]),
    ...portLines(portBase),
  ];
  return [...Map.groupBy(lines, ({ group }) => group)]
    .map(([group, ofGroup]) => `[${group}]\n${ofGroup.map(({ line }) => line).join('\n')}`)
    .join('\n');
}

/** The file an operator finds after the first start, with everything that is particular to this cloud. */
function firstNovaConf(state: StateDirectory, secrets: Secrets, flags: UpFlags): string {
  const { privateCidr, externalCidr } = freeNetworks();
  const at = new Map(portLines(flags.portBase).map(({ line }) => line.split(' = ') as [string, string]));
  const port = (key: (typeof ports)[number]['key']): string => at.get(key) ?? String(ports.find((entry) => entry.key === key)!.usual);
  return `# Written by kilonova up on the first start; yours to change. All options: ./kilonova manage config sample
[DEFAULT]
host = ${hostname()}
state_path = ${state.path}
compute_driver = ${flags.driver === 'fake' ? 'fake.FakeDriver' : 'libvirt.LibvirtDriver'}
# guests of several clouds on one host need names of their own
instance_name_template = ${secrets.cloudId}-%08x
osapi_compute_listen_port = ${port('osapi_compute_listen_port')}
metadata_listen_port = ${port('metadata_listen_port')}
# there may be no other host than this one
allow_resize_to_same_host = True

[neutron]
service_metadata_proxy = True
metadata_proxy_shared_secret = ${secrets.metadataSecret}

[vnc]
novncproxy_port = ${port('novncproxy_port')}
novncproxy_base_url = http://127.0.0.1:${port('novncproxy_port')}/vnc_auto.html

[serial_console]
enabled = True
serialproxy_port = ${port('serialproxy_port')}
base_url = ws://127.0.0.1:${port('serialproxy_port')}/

[spice]
# enabled = True would give guests a second screen for SPICE viewers
html5proxy_port = ${port('html5proxy_port')}
html5proxy_base_url = http://127.0.0.1:${port('html5proxy_port')}/spice_auto.html

[keystone_authtoken]
username = nova
password = ${secrets.servicePasswords['nova'] ?? ''}

[kilonova]
cloud_id = ${secrets.cloudId}
identity_port = ${port('identity_port')}
placement_port = ${port('placement_port')}
image_port = ${port('image_port')}
network_port = ${port('network_port')}
volume_port = ${port('volume_port')}
network_data_plane = ${flags.driver === 'fake' ? 'none' : 'linux-bridge'}
fake_hosts = ${flags.fakeHosts ?? 1}
private_cidr = ${privateCidr}
external_cidr = ${externalCidr}
`;
}

/** Refuses to start when a port is taken, before anything is: names the port, the option and who could be asked. */
export async function refuseTakenPorts(settings: LoadedSettings['settings'], path: string): Promise<void> {
  const wanted = ports.flatMap(({ group, key }) => {
    const options = settings[group] as unknown as Readonly<Record<string, unknown>>;
    return options['enabled'] === false ? [] : [{ group, key, port: Number(options[key]) }];
  });
  const taken = await Promise.all(wanted.map(async (entry) => ((await isFree(settings.kilonova.listen, entry.port)) ? null : entry)));
  const first = taken.find((entry) => entry !== null);
  if (first === undefined || first === null) return;
  throw new KilonovaError(
    'conflict',
    `Port ${first.port} on ${settings.kilonova.listen} is taken by another program (see: ss -ltnp 'sport = :${first.port}'). Choose others with --port-base N, or change [${first.group}] ${first.key} in ${join(path, 'nova.conf')}.`,
    { code: 'port-taken' },
  );
}

function isFree(host: string, port: number): Promise<boolean> {
  if (port === 0) return Promise.resolve(true);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}

import { expect, test } from 'vitest';
import { readSettings } from '../../../config/index.ts';
import type { HypervisorDriver } from '../drivers/driver.ts';
import { consoleAddress, type ConsoleProtocol } from './console-address.ts';

const all = '[spice]\nenabled = True\n[serial_console]\nenabled = True\n[mks]\nenabled = True\n';
const here = { host: '192.0.2.1', port: 5900 };
const consoles: HypervisorDriver['consoles'] = {
  vnc: () => Promise.resolve(here),
  spice: () => Promise.resolve({ ...here, tlsPort: 5901 }),
  serial: () => Promise.resolve(null),
};
const ask = (protocol: ConsoleProtocol, type: string, conf = all, abilities: HypervisorDriver['consoles'] = consoles) =>
  consoleAddress(
    { driver: { consoles: abilities } as HypervisorDriver, settings: readSettings(conf).settings },
    { instanceId: 'i', protocol, type },
  );

test.each<[ConsoleProtocol, string, string, number | null]>([
  ['vnc', 'novnc', 'http://127.0.0.1:6080/vnc_auto.html', null],
  ['spice', 'spice-html5', 'http://127.0.0.1:6082/spice_auto.html', 5901],
  ['spice', 'spice-direct', 'http://127.0.0.1:13002/nova', 5901],
])('a console over %s of type %s is where the driver says, and users are sent to %s', async (protocol, type, accessUrlBase, tlsPort) => {
  expect(await ask(protocol, type)).toEqual({ ...here, tlsPort, internalAccessPath: null, accessUrlBase });
});

test.each<[string, ConsoleProtocol, string, string, HypervisorDriver['consoles'], string, string]>([
  ['is not enabled', 'serial', 'serial', '', consoles, 'invalid', 'Unavailable console type serial.'],
  ['is turned off', 'vnc', 'novnc', '[vnc]\nenabled = False\n', consoles, 'invalid', 'Unavailable console type novnc.'],
  ['nobody has heard of', 'vnc', 'toString', all, consoles, 'invalid', 'Invalid console type toString'],
  ['is of another protocol', 'spice', 'novnc', all, consoles, 'invalid', 'Invalid console type novnc'],
  ['the hypervisor does not have', 'vnc', 'novnc', all, {}, 'unsupported', 'The requested functionality is not supported.'],
  ['only VMware has', 'mks', 'webmks', all, consoles, 'unsupported', 'The requested functionality is not supported.'],
  ['the guest was made without', 'serial', 'serial', all, consoles, 'invalid', 'Unavailable console type serial.'],
])('a console that %s is refused', async (_name, protocol, type, conf, abilities, kind, message) => {
  await expect(ask(protocol, type, conf, abilities)).rejects.toMatchObject({ kind, message });
});

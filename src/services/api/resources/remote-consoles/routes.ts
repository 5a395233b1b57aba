import Type from 'typebox';
import { invalid } from '../../../../lib/errors.ts';
import { route, serverAction } from '../../deps.ts';
import { findServer, ownerOf } from '../servers/find-server.ts';
import { CreateRemoteConsole, ofType } from './bodies.ts';
import { createConsole, type WantedConsole } from './create-console.ts';

const policy = 'os_compute_api:os-remote-consoles';
const Url = Type.String({ format: 'uri' });

/** A legacy action that asks for a console of one protocol. */
const consoleAction = (key: string, protocol: WantedConsole['protocol'], types: readonly string[]) =>
  serverAction({
    key,
    until: '2.5',
    summary: `Get a ${protocol} console of a server`,
    policy,
    body: ofType(key, types),
    reply: { status: 200, key: 'console', schema: Type.Object({ type: Type.String(), url: Url }) },
    handle: async ({ body: { type }, loaded, deps }) => ({ type, url: await createConsole(deps, loaded, { protocol, type }) }),
  });

export const remoteConsoleActions = [
  consoleAction('os-getVNCConsole', 'vnc', ['novnc', 'xvpvnc']),
  consoleAction('os-getSPICEConsole', 'spice', ['spice-html5']),
  consoleAction('os-getSerialConsole', 'serial', ['serial']),
  serverAction({
    key: 'os-getRDPConsole',
    until: '2.5',
    summary: 'Get an RDP console of a server; refused, as no hypervisor has one',
    policy,
    reply: { status: 400 },
    handle: () => {
      throw invalid('The server could not comply with the request since it is either malformed or otherwise incorrect.');
    },
  }),
];

export const remoteConsoleRoutes = [
  route({
    method: 'POST',
    path: '/servers/:serverId/remote-consoles',
    since: '2.6',
    summary: 'Get a console of a server',
    policy,
    load: findServer,
    target: ownerOf,
    body: { key: 'remote_console', schema: CreateRemoteConsole },
    reply: {
      status: 200,
      key: 'remote_console',
      schema: Type.Object({ protocol: Type.String(), type: Type.String(), url: Url }),
    },
    handle: async ({ body: { protocol, type }, loaded, deps }) => {
      if (protocol === 'rdp') throw invalid(`Unavailable console type ${protocol}.`);
      return { protocol, type, url: await createConsole(deps, loaded, { protocol, type }) };
    },
  }),
];

import Type from 'typebox';
import { plainBody, versionedBody } from '../../../../lib/http/versioned-body.ts';

const protocols = ['vnc', 'spice', 'serial', 'rdp'] as const;
const types = ['novnc', 'xvpvnc', 'spice-html5', 'serial', 'rdp-html5'] as const;

/** `remote_console` of `POST /servers/{id}/remote-consoles`. Which type goes with which protocol is judged by the server's host. */
export const CreateRemoteConsole = versionedBody('CreateRemoteConsole', {
  protocol: [
    { until: '2.7', required: true, type: Type.Enum(protocols) },
    { since: '2.8', required: true, type: Type.Enum([...protocols, 'mks']) },
  ],
  type: [
    { until: '2.7', required: true, type: Type.Enum(types) },
    { since: '2.8', until: '2.98', required: true, type: Type.Enum([...types, 'webmks']) },
    { since: '2.99', required: true, type: Type.Enum([...types, 'webmks', 'spice-direct']) },
  ],
});

/** The value of an action that asks for a console, until 2.5. */
export const ofType = <const T extends string>(title: string, names: readonly T[]) =>
  plainBody(title, Type.Object({ type: Type.Enum(names) }, { additionalProperties: false }));

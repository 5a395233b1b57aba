import Type from 'typebox';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import type { ConsoleToken } from '../../../../store/console-tokens.ts';
import { Uuid } from '../../schemas.ts';

/** What a console token permits. */
export const consoleTokenView = versionedView<ConsoleToken>('ConsoleAuthToken', {
  instance_uuid: { type: Uuid, get: (token) => token.instanceId },
  host: { type: Type.Union([Type.String(), Type.Null()]), get: (token) => token.host },
  port: { type: Type.Integer(), get: (token) => token.port },
  internal_access_path: { type: Type.Union([Type.String(), Type.Null()]), get: (token) => token.internalAccessPath },
  tls_port: {
    since: '2.99',
    type: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
    get: (token) => (token.consoleType === 'spice-direct' ? token.tlsPort : undefined),
  },
});

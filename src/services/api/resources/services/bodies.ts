import Type from 'typebox';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, versionedQuery } from '../../../../lib/http/query.ts';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import { Bool, Fqdn } from '../../schemas.ts';

const Reason = Type.String({ minLength: 1, maxLength: 255 });

/** Until 2.52 the service is named in the body and the path says what is done to it. */
export const ChangeNamedService = versionedBody('ChangeNamedService', {
  host: { required: true, type: Fqdn },
  binary: { required: true, type: Type.String({ minLength: 1, maxLength: 255 }) },
  disabled_reason: { type: Reason },
  forced_down: { since: '2.11', type: Bool },
});

export const UpdateService = versionedBody('UpdateService', {
  status: { type: Type.Enum(['enabled', 'disabled']) },
  disabled_reason: { type: Reason },
  forced_down: { type: Bool },
});

export const ListServices = versionedQuery(
  { host: { type: anyText }, binary: { type: anyText } },
  { refusesUnknownSince: version('2.75') },
);

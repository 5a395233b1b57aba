import { version } from '../../../../lib/http/microversion.ts';
import { anyText, versionedQuery } from '../../../../lib/http/query.ts';
import { versionedBody, type BodyField, type VersionedBody } from '../../../../lib/http/versioned-body.ts';
import { Bool, Quota } from '../../schemas.ts';
import { quotaWindows } from './resources.ts';

type Limits = Readonly<Record<string, number | string>>;

const fields = (kind: 'set' | 'classSet'): Record<string, BodyField> =>
  Object.fromEntries(Object.entries(quotaWindows[kind].writable).map(([resource, window]) => [resource, { ...window, type: Quota }]));

export const UpdateQuotaSet = versionedBody('UpdateQuotaSet', { ...fields('set'), force: { type: Bool } }) as VersionedBody<
  Readonly<Record<string, number | string | boolean>>
>;
export const UpdateQuotaClassSet = versionedBody('UpdateQuotaClassSet', fields('classSet')) as VersionedBody<Limits>;

/** Whose quota in the project: everybody's, or one user's. */
export const OfUser = versionedQuery({ user_id: { type: anyText } }, { refusesUnknownSince: version('2.75') });

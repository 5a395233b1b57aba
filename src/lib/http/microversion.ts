import type { IncomingHttpHeaders } from 'node:http';
import { HttpError } from './http-error.ts';

/** A microversion as an ordered number: major × 1000 + minor, so that 2.10 (2010) is later than 2.9 (2009). */
export type Version = number;
/** How tables write a version: '2.47'. */
export type VersionText = `${number}.${number}`;

/** The window in which a route, a field or a parameter exists; both ends belong to it. */
export interface Window {
  readonly since?: VersionText;
  readonly until?: VersionText;
}

const wellFormed = /^([1-9]\d{0,8})\.([1-9]\d{0,8}|0)$/;

/** The version a text spells, or null when it is malformed. */
export function parseVersion(text: string): Version | null {
  const match = wellFormed.exec(text);
  return match === null ? null : Number(match[1]) * 1000 + Math.min(Number(match[2]), 999);
}

/** For tables, whose spelling the compiler has checked. */
export function version(text: VersionText): Version {
  const [major, minor] = text.split('.');
  return Number(major) * 1000 + Number(minor);
}

export const formatVersion = (v: Version): VersionText => `${Math.floor(v / 1000)}.${v % 1000}`;

export function isWithin({ since, until }: Window, v: Version): boolean {
  return (since === undefined || v >= version(since)) && (until === undefined || v <= version(until));
}

/** How one service negotiates (OpenStack API microversion specification). */
export interface MicroversionScheme {
  /** As it stands in `OpenStack-API-Version: <serviceType> X.Y`. */
  readonly serviceType: string;
  readonly min: VersionText;
  readonly max: VersionText;
  /** An older header that names this API alone, lower case; compute has `x-openstack-nova-api-version`. */
  readonly legacyHeader?: string;
  /** How it refuses a version that is malformed or outside the window, where it has words of its own. */
  readonly refusal?: (text: string) => HttpError;
}

export interface Negotiated {
  readonly version: Version;
  /** What answers carry: the two headers and `Vary`. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

/** The headers of an answer given at `text`. */
export function versionHeaders(scheme: MicroversionScheme, text: string): Negotiated['headers'] {
  const legacy = scheme.legacyHeader;
  return {
    'openstack-api-version': `${scheme.serviceType} ${text}`,
    ...(legacy === undefined ? {} : { [legacy]: text }),
    vary: legacy === undefined ? 'openstack-api-version' : ['OpenStack-API-Version', 'X-OpenStack-Nova-API-Version'],
  };
}

/** The last entry of the standard header that names this service; else the last one of its legacy header; else null. */
function askedVersion(headers: IncomingHttpHeaders, scheme: MicroversionScheme): string | null {
  const standard = String(headers['openstack-api-version'] ?? '');
  for (const entry of standard.split(',').toReversed()) {
    const [type = '', text = ''] = entry.trim().split(/\s+/, 2);
    if (type.toLowerCase() === scheme.serviceType && text !== '') return text;
  }
  if (scheme.legacyHeader === undefined) return null;
  const legacy =
    String(headers[scheme.legacyHeader] ?? '')
      .split(',')
      .at(-1)
      ?.trim() ?? '';
  return legacy === '' ? null : legacy;
}

/** Chooses the version a request is served at: 400 for a malformed one, 406 for one outside the window, the least when none is asked for. */
export function negotiate(headers: IncomingHttpHeaders, scheme: MicroversionScheme): Negotiated {
  const asked = askedVersion(headers, scheme);
  const text = asked === null ? scheme.min : asked === 'latest' ? scheme.max : asked;
  const chosen = parseVersion(text);
  if (scheme.refusal !== undefined && (chosen === null || chosen < version(scheme.min) || chosen > version(scheme.max)))
    throw scheme.refusal(text);
  if (chosen === null) throw new HttpError(400, `API Version String ${text} is of invalid format. Must be of format MajorNum.MinorNum.`);
  if (chosen < version(scheme.min) || chosen > version(scheme.max)) {
    throw new HttpError(
      406,
      `Version ${text} is not supported by the API. Minimum is ${scheme.min} and maximum is ${scheme.max}.`,
      versionHeaders(scheme, text),
      { min_version: scheme.min, max_version: scheme.max },
    );
  }
  return { version: chosen, headers: versionHeaders(scheme, formatVersion(chosen)) };
}

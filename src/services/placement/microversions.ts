import { HttpError } from '../../lib/http/http-error.ts';
import {
  formatVersion,
  parseVersion,
  version,
  versionHeaders,
  type MicroversionScheme,
  type VersionText,
} from '../../lib/http/microversion.ts';

export { does, type Behaviour } from '../../domain/placement/behaviours.ts';

const min = '1.0';
const max = '1.39';

/** Versions this service understands but does not serve are 406, anything else is no version. */
function refusal(text: string): HttpError {
  if (!/^\d+\.\d+$/.test(text)) return new HttpError(400, `invalid version string: ${text}`);
  return new HttpError(406, `Unacceptable version header: ${text}`, versionHeaders(microversions, text), {
    min_version: min,
    max_version: max,
  });
}

export const microversions: MicroversionScheme = { serviceType: 'placement', min, max, refusal };

/** The version an answer without negotiation is given at: the one asked for where it is served, else the least. */
export function versionAskedFor(header: string | string[] | undefined): VersionText {
  const asked = /\bplacement\s+(\S+)/i.exec(String(header ?? ''))?.[1]?.replace(/,.*$/, '') ?? min;
  const text = asked === 'latest' ? max : asked;
  const parsed = parseVersion(text);
  return parsed !== null && parsed >= version(min) && parsed <= version(max) ? formatVersion(parsed) : min;
}

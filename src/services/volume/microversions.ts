import { HttpError } from '../../lib/http/http-error.ts';
import type { MicroversionScheme } from '../../lib/http/microversion.ts';

/** 3.71 has the end of extending told by compute; what came before it is served, except backups, groups, clusters and the managing of foreign volumes. */
export const volumeMicroversions: MicroversionScheme = {
  serviceType: 'volume',
  min: '3.0',
  max: '3.71',
  refusal: (text) =>
    /^\d+\.\d+$/.test(text)
      ? new HttpError(406, `Version ${text} is not supported by the API. Minimum is 3.0 and maximum is 3.71.`)
      : new HttpError(400, `API Version String ${text.slice(0, 64)} is of invalid format. Must be of format MajorNum.MinorNum.`),
};

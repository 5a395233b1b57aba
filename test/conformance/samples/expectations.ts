import type { Expectation } from '../verdict.ts';

/** Samples that are not compared, or cannot be met, each with its reason. */
export const sampleExpectations: readonly Expectation[] = [
  {
    outcome: 'skipped',
    because: 'no request is written for it: its route is gone from Nova, or has no answer, or another sample shows the same',
  },
  { outcome: 'failed', name: / 2\.69$/, because: 'shows what is left of a record while the database of its cell is down' },
  {
    outcome: 'failed',
    name: /server-diagnostics-get-resp 2\.1$/,
    because: 'until 2.47 the keys were those of the hypervisor; there was no rule',
  },
  {
    outcome: 'failed',
    name: /images?-(details-)?get-resp/,
    says: /^\.images?(\[\])?\.OS-DCF:diskConfig missing$/,
    because: 'shown of images with the property auto_disk_config only',
  },
];

import { expect, test } from 'vitest';
import { momentIn } from './moments.ts';

test.each([
  ['2012', '2012-01-01T00:00:00.000Z'],
  ['2012-03', '2012-03-01T00:00:00.000Z'],
  ['2012-03-04', '2012-03-04T00:00:00.000Z'],
  ['20120304T050607Z', '2012-03-04T05:06:07.000Z'],
  ['2012-03-04 05:06', '2012-03-04T05:06:00.000Z'],
  ['2012-03-04T05:06:07.891011', '2012-03-04T05:06:07.891Z'],
  ['2012-03-04T05:06:07,5+02:00', '2012-03-04T03:06:07.500Z'],
  ['2012-03-04T05:06:07-0130', '2012-03-04T06:36:07.000Z'],
])('%s is a moment', (text, stored) => {
  expect(momentIn('changes-since', text)).toBe(stored);
});

test.each(['2011/01/01', 'yesterday', '', '1', '2012-13-01', '2012-03-04T25:00', 'Sat, 4 Mar 2012 00:00:00 GMT', '2012-03-04T05:06:07+2'])(
  '%j is none',
  (text) => {
    expect(() => momentIn('changes-since', text)).toThrow(`Value: ${text}. '${text}' is not a 'date-time'`);
  },
);

import { expect, test } from 'vitest';
import { tokenOfRequest } from './token-of-request.ts';

test.each<[string, string | undefined, string | null]>([
  ['/?token=a', undefined, 'a'],
  ['/websockify?token=a', undefined, 'a'],
  ['/?token=a&token=b', undefined, 'b'],
  ['/?x=1&token=a%2Db', 'token=c', 'a-b'],
  ['/', 'x=1; token="c"', 'c'],
  ['/?token=', 'token=c; token=d', 'c'],
  ['/', 'nottoken=c; path=%3Ftoken%3Dc', null],
  ['/', 'token', null],
  ['/', undefined, null],
  ['/?path=?token=a', undefined, null],
  [`/?token=${'a'.repeat(256)}`, undefined, null],
  ['/?%E0%A4%A', undefined, null],
])('of %j with cookies %j it is %j', (url, cookie, token) => {
  expect(tokenOfRequest({ url, cookie })).toBe(token);
});

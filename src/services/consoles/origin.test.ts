import { expect, test } from 'vitest';
import { reasonAgainstOrigin } from './origin.ts';

const base = { host: 'console.example:6080', allowed: [] as readonly string[], accessUrlBase: 'http://console.example:6080/vnc_auto.html' };
const invalid = 'Origin header not valid.';
const foreign = 'Origin header does not match this host.';
const scheme = 'Origin header protocol does not match this host.';

test.each<[string | undefined, Partial<typeof base>, string | null]>([
  [undefined, {}, null],
  ['http://console.example:6080', {}, null],
  ['http://CONSOLE.example', {}, null],
  ['http://evil.example', {}, foreign],
  ['http://console.example.evil.example', {}, foreign],
  ['http://evilconsole.example', {}, foreign],
  ['http://console.example@evil.example', {}, foreign],
  ['null', {}, invalid],
  ['', {}, invalid],
  ['file://', {}, invalid],
  ['https://console.example', {}, scheme],
  ['http://console.example', { accessUrlBase: 'https://console.example/vnc_auto.html' }, scheme],
  ['https://console.example', { accessUrlBase: 'https://console.example/vnc_auto.html' }, null],
  ['http://console.example', { accessUrlBase: 'ws://console.example:6083/' }, null],
  ['https://console.example', { accessUrlBase: 'wss://console.example:6083/' }, null],
  ['https://console.example', { accessUrlBase: 'ws://console.example:6083/' }, scheme],
  ['http://console.example', { accessUrlBase: 'nonsense' }, scheme],
  ['http://dashboard.example', { allowed: ['Dashboard.example'] }, null],
  ['http://sub.dashboard.example', { allowed: ['dashboard.example'] }, foreign],
  ['http://[2001:db8::1]:80', { host: '[2001:db8::1]:6080' }, null],
  ['http://console.example', { host: 'not a host' }, foreign],
])('a page of %j (%j): %s', (origin, changes, reason) => {
  expect(reasonAgainstOrigin({ origin, ...base, ...changes })).toBe(reason);
});

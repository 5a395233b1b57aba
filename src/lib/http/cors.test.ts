import { expect, test } from 'vitest';
import { corsHeaders, isPreflight, type CorsSettings } from './cors.ts';

const settings: CorsSettings = {
  allowedOrigins: ['https://a.example'],
  allowCredentials: true,
  exposeHeaders: ['X-Id'],
  allowHeaders: ['X-Auth-Token'],
  allowMethods: ['GET'],
  maxAgeSeconds: 60,
};
const ask = (method: string, headers: Record<string, string>) => corsHeaders(settings, { method, headers });

test('pages of allowed origins are told what they may read', () => {
  expect(ask('GET', { origin: 'https://a.example' })).toEqual({
    vary: 'origin',
    'access-control-allow-origin': 'https://a.example',
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'X-Id',
  });
  expect(ask('GET', { origin: 'https://b.example' })).toEqual({});
  expect(ask('GET', {})).toEqual({});
});

test('a browser that asks first is told the method and the headers it asked for, or nothing', () => {
  const asked = { origin: 'https://a.example', 'access-control-request-method': 'GET' };
  expect(isPreflight({ method: 'OPTIONS', headers: asked })).toBe(true);
  expect(ask('OPTIONS', { ...asked, 'access-control-request-headers': 'x-auth-token, accept' })).toMatchObject({
    'access-control-allow-methods': 'GET',
    'access-control-allow-headers': 'x-auth-token,accept',
    'access-control-max-age': '60',
  });
  expect(ask('OPTIONS', { ...asked, 'access-control-request-headers': 'x-other' })).toEqual({});
  expect(ask('OPTIONS', { ...asked, 'access-control-request-method': 'DELETE' })).toEqual({});
});

test('any origin may be allowed, without credentials', () => {
  const open = { ...settings, allowedOrigins: ['*'], allowCredentials: false, exposeHeaders: [] };
  expect(corsHeaders(open, { method: 'GET', headers: { origin: 'null' } })).toEqual({
    vary: 'origin',
    'access-control-allow-origin': 'null',
  });
});

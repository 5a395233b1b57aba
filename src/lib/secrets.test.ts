import { expect, test } from 'vitest';
import { urlWithoutSecrets } from './secrets.ts';

test.each([
  ['/v2.1/servers?name=x', '/v2.1/servers?name=x'],
  ['/?token=abc&name=x', '/?token=***&name=x'],
  ['/v2.1/os-console-auth-tokens/abc-def', '/v2.1/os-console-auth-tokens/***'],
  ['/v2.1/p/os-console-auth-tokens/abc?x=1', '/v2.1/p/os-console-auth-tokens/***?x=1'],
  ['/v3/auth/tokens', '/v3/auth/tokens'],
])('of %s is left %s', (url, shown) => {
  expect(urlWithoutSecrets(url)).toBe(shown);
});

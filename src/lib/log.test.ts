import { expect, test } from 'vitest';
import { KilonovaError } from './errors.ts';
import { createLog } from './log.ts';

const canary = 'canary-1b7e';

/** What a log wrote of one call. */
function written(write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown> {
  const lines: string[] = [];
  write(createLog({ name: 'test', to: { write: (line) => void lines.push(line) } }));
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

/** A value so many levels down. */
const deep = (value: object, levels: number): object => (levels === 0 ? value : { a: deep(value, levels - 1) });

test.each([
  ['at the top', { password: canary }],
  [
    'in any spelling',
    {
      adminPass: canary,
      admin_pass: canary,
      'X-Auth-Token': canary,
      userData: canary,
      PRIVATE_KEY: canary,
      metadata_proxy_shared_secret: canary,
      original_password: canary,
      Authorization: canary,
    },
  ],
  ['far down', { request: { body: { auth: { identity: { password: { user: { name: 'me', password: canary } } } } } } }],
  ['in a list', { users: [{ name: 'me' }, { name: 'you', password: [canary] }] }],
  ['below the deepest', { a: deep({ password: canary }, 40) }],
])('a secret %s is not logged', (_where, fields) => {
  expect(JSON.stringify(written((log) => log.info(fields, 'said')))).not.toContain(canary);
});

test('what is no secret is logged as it is', () => {
  const fields = { userId: 'u1', tokens: 3, servers: [{ id: 's1', created: new Date(0) }] };
  expect(written((log) => log.info(fields, 'said'))).toMatchObject({
    userId: 'u1',
    tokens: 3,
    servers: [{ id: 's1', created: '1970-01-01T00:00:00.000Z' }],
    msg: 'said',
  });
});

test('fields of a child are cleaned too', () => {
  expect(written((log) => log.child({ host: 'h1', session: { token: canary } }).info('said'))).toMatchObject({
    host: 'h1',
    session: { token: '***' },
  });
});

test('an error keeps its kind and its causes, and loses its secrets', () => {
  const error = new KilonovaError('unavailable', 'No.', {
    cause: new Error('the reason'),
    details: { service: 'image', login: { password: canary } },
  });
  const line = written((log) => log.error({ err: error }, 'failed'));
  expect(line).toMatchObject({
    err: {
      type: 'KilonovaError',
      kind: 'unavailable',
      message: 'No.: the reason',
      details: { service: 'image', login: { password: '***' } },
    },
  });
});

test('a refused row is not logged, for it may hold a password', () => {
  const error = Object.assign(new Error('violates a constraint'), {
    code: '23502',
    table: 'users',
    detail: `Failing row contains (1, ${canary}).`,
  });
  const line = written((log) => log.error({ err: error }, 'failed'));
  expect(line).toMatchObject({ err: { table: 'users', code: '23502' } });
  expect(JSON.stringify(line)).not.toContain(canary);
});

test('nothing a user says breaks a line', () => {
  const lines: string[] = [];
  const log = createLog({ name: 'test', to: { write: (line) => void lines.push(line) } });
  log.info({ name: 'a\r\nb\u001B[31m","level":60' }, 'said');
  expect(lines.join('').split('\n')).toHaveLength(2);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 30, name: 'a\r\nb\u001B[31m","level":60' });
});

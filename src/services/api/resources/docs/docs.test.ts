import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../../../../lib/log.ts';
import { createService } from '../../../../lib/http/service.ts';
import { createPolicy } from '../../../../lib/policy/policy.ts';
import type { ApiDeps } from '../../deps.ts';
import { computeFaults } from '../../faults.ts';
import { docsRoutes } from './routes.ts';

const app = createService<ApiDeps>({
  name: 'docs',
  routes: [],
  rootRoutes: docsRoutes,
  faults: computeFaults(''),
  policy: createPolicy({}),
  authenticate: async () => null,
  deps: {} as ApiDeps,
  log: silentLog,
});
beforeAll(() => app.ready());
afterAll(() => app.close());

const get = async (url: string) => {
  const { statusCode, headers, payload } = await app.inject({ method: 'GET', url });
  return { status: statusCode, type: headers['content-type'], policy: headers['content-security-policy'], text: payload };
};

test('the page and its parts are shown to everybody, with nothing from outside', async () => {
  const page = await get('/docs');
  expect([page.status, page.type]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page.policy).toContain("default-src 'none'; script-src 'self'");
  for (const name of ['docs.js', 'docs.css']) {
    expect(page.text).toContain(`"docs/${name}"`);
    expect([name, (await get(`/docs/${name}`)).status]).toEqual([name, 200]);
  }
  expect(page.text + (await get('/docs/docs.js')).text).not.toMatch(/https?:\/\/|innerHTML/);
});

test('the document of every service can be had', async () => {
  const { services } = JSON.parse((await get('/docs/services.json')).text) as { readonly services: readonly string[] };
  const files = readdirSync(join(import.meta.dirname, '../../../../../openapi'));
  expect(services.map((name) => `${name}.json`)).toEqual(files.toSorted());
  for (const name of services) {
    const { status, text } = await get(`/docs/${name}.json`);
    expect([name, status, (JSON.parse(text) as { openapi: string }).openapi]).toEqual([name, 200, '3.1.0']);
  }
});

test.each(['/docs/none', '/docs/..%2f..%2fpackage.json', '/docs/docs.html'])('%s is not there', async (url) => {
  expect((await get(url)).status).toBe(404);
});

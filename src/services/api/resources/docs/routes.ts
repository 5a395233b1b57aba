import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { notFound } from '../../../../lib/errors.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { route } from '../../deps.ts';

const pages = join(import.meta.dirname, 'pages');
/** Where the generated documents lie: beside the code, current by check. */
const documents = join(import.meta.dirname, '..', '..', '..', '..', '..', 'openapi');

const headers = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

interface Page {
  readonly type: string;
  readonly text: string;
}

/** Everything that is shown, by its name below `/docs/`: what is not listed is not there. */
function readPages(): ReadonlyMap<string, Page> {
  const json = 'application/json';
  const found = readdirSync(documents)
    .filter((name) => name.endsWith('.json'))
    .toSorted();
  const services = found.map((name) => name.replace(/\.json$/, ''));
  return new Map<string, Page>([
    ['docs.js', { type: 'text/javascript; charset=utf-8', text: readFileSync(join(pages, 'docs.js'), 'utf8') }],
    ['docs.css', { type: 'text/css; charset=utf-8', text: readFileSync(join(pages, 'docs.css'), 'utf8') }],
    ['services.json', { type: json, text: JSON.stringify({ services }) }],
    ...found.map((name) => [name, { type: json, text: readFileSync(join(documents, name), 'utf8') }] as const),
  ]);
}

let known: ReadonlyMap<string, Page> | null = null;
const show = ({ type, text }: Page): Reply => new Reply(200, text, { ...headers, 'content-type': type });

/** The OpenAPI documents of all services to read in a browser, with nothing from outside. Needs no token: it tells only what the code tells. */
export const docsRoutes = [
  route({
    method: 'GET',
    path: '/docs',
    summary: 'Read about the APIs of the cloud',
    policy: 'public',
    reply: { status: 200 },
    handle: () => show({ type: 'text/html; charset=utf-8', text: readFileSync(join(pages, 'docs.html'), 'utf8') }),
  }),
  route({
    method: 'GET',
    path: '/docs/:page',
    summary: 'Get a part of these pages, such as the OpenAPI document of a service',
    policy: 'public',
    reply: { status: 200 },
    handle: ({ params }) => {
      known ??= readPages();
      const page = known.get(params.page);
      if (page === undefined) throw notFound('The resource could not be found.');
      return show(page);
    },
  }),
];

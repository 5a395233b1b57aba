import { createReadStream, existsSync, readdirSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Every file a proxy shows, by its path in the URL. What is not listed is not there: no path of a request ever becomes one of the disk. */
export interface ConsolePages {
  readonly files: ReadonlyMap<string, string>;
  /** Pages of our own need nothing from elsewhere. */
  readonly ours: boolean;
}

const own = (name: string): string => join(import.meta.dirname, 'pages', name);
const packageFile = (name: string): string => fileURLToPath(import.meta.resolve(name));
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
};

const filesBelow = (directory: string, prefix: string): readonly (readonly [string, string])[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extname(entry.name) in types)
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [`${prefix}${path.slice(directory.length)}`, path] as const);

/** noVNC, under the names its pages have had. */
export function vncPages(): ConsolePages {
  const novnc = dirname(dirname(packageFile('@novnc/novnc')));
  const page = own('vnc.html');
  return {
    ours: true,
    files: new Map([
      ...['/', '/vnc_auto.html', '/vnc_lite.html', '/vnc.html'].map((path) => [path, page] as const),
      ['/vnc.js', own('vnc.js')],
      ['/session.js', own('session.js')],
      ['/console.css', own('console.css')],
      ...filesBelow(join(novnc, 'core'), '/novnc/core'),
      ...filesBelow(join(novnc, 'vendor'), '/novnc/vendor'),
    ]),
  };
}

/** A terminal for serial ports. */
export function serialPages(): ConsolePages {
  const beside = (path: string, name: string): string => join(dirname(path), name);
  const xterm = packageFile('@xterm/xterm');
  return {
    ours: true,
    files: new Map([
      ...['/', '/serial.html'].map((path) => [path, own('serial.html')] as const),
      ['/serial.js', own('serial.js')],
      ['/session.js', own('session.js')],
      ['/console.css', own('console.css')],
      ['/xterm/xterm.mjs', beside(xterm, 'xterm.mjs')],
      ['/xterm/xterm.css', join(dirname(dirname(xterm)), 'css', 'xterm.css')],
      ['/xterm/addon-fit.mjs', beside(packageFile('@xterm/addon-fit'), 'addon-fit.mjs')],
    ]),
  };
}

/** The operator's own pages, such as those of Debian's `spice-html5`; none where there is no such directory. */
export const pagesIn = (directory: string): ConsolePages => ({
  ours: false,
  files: new Map(existsSync(directory) ? filesBelow(directory, '') : []),
});

const everywhere = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache' };
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'";

/** Answers a request for a page. */
export function showPage(pages: ConsolePages, request: IncomingMessage, response: ServerResponse): void {
  const [path = ''] = (request.url ?? '').split(/[?#]/, 1);
  const file = pages.files.get(path);
  const readable = request.method === 'GET' || request.method === 'HEAD';
  if (file === undefined || !readable) {
    const status = file === undefined ? 404 : 405;
    response
      .writeHead(status, { ...everywhere, 'content-length': 0, ...(readable ? {} : { allow: 'GET, HEAD', connection: 'close' }) })
      .end();
    return;
  }
  response.writeHead(200, {
    ...everywhere,
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    ...(pages.ours ? { 'content-security-policy': policy } : {}),
  });
  if (request.method === 'HEAD') return void response.end();
  createReadStream(file)
    .on('error', () => response.destroy())
    .pipe(response);
}

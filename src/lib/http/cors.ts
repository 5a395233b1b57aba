/** Which pages of other origins may ask a service. */
export interface CorsSettings {
  /** `*` is any. */
  readonly allowedOrigins: readonly string[];
  readonly allowCredentials: boolean;
  readonly exposeHeaders: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly allowMethods: readonly string[];
  readonly maxAgeSeconds: number;
}

/** Headers that every page may send. */
const simpleHeaders = new Set([
  'accept',
  'accept-language',
  'content-type',
  'cache-control',
  'content-language',
  'expires',
  'last-modified',
  'pragma',
]);

interface Asked {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const listOf = (value: string | readonly string[] | undefined): string[] =>
  String(value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** What a browser is told about a request from a page; nothing for pages that may not ask, for which it then hides the answer. */
export function corsHeaders(settings: CorsSettings, { method, headers }: Asked): Readonly<Record<string, string>> {
  const origin = String(headers['origin'] ?? '');
  if (origin === '' || !settings.allowedOrigins.some((allowed) => allowed === '*' || allowed === origin)) return {};
  const common = {
    vary: 'origin',
    'access-control-allow-origin': origin,
    ...(settings.allowCredentials ? { 'access-control-allow-credentials': 'true' } : {}),
  };
  if (!isPreflight({ method, headers }))
    return {
      ...common,
      ...(settings.exposeHeaders.length === 0 ? {} : { 'access-control-expose-headers': settings.exposeHeaders.join(',') }),
    };
  const wanted = String(headers['access-control-request-method'] ?? '');
  const asked = listOf(headers['access-control-request-headers']);
  const allowed = new Set(settings.allowHeaders.map((name) => name.toLowerCase()));
  if (!settings.allowMethods.includes(wanted)) return {};
  if (asked.some((name) => !simpleHeaders.has(name.toLowerCase()) && !allowed.has(name.toLowerCase()))) return {};
  return {
    ...common,
    'access-control-max-age': String(settings.maxAgeSeconds),
    'access-control-allow-methods': wanted,
    ...(asked.length === 0 ? {} : { 'access-control-allow-headers': asked.join(',') }),
  };
}

/** Whether a browser asks what a page may do, rather than the page itself. */
export const isPreflight = ({ method, headers }: Asked): boolean => method === 'OPTIONS' && headers['origin'] !== undefined;

/** What a request to open a console says of where it comes from. */
export interface Origin {
  /** The header `Origin`: the page that asks. Whoever is no browser sends none. */
  readonly origin: string | undefined;
  /** The header `Host`. */
  readonly host: string | undefined;
  /** `[console] allowed_origins`. */
  readonly allowed: readonly string[];
  /** Where the user of the console was sent. */
  readonly accessUrlBase: string;
}

/** Schemes of pages that go with the scheme users were sent to. */
const schemes: Readonly<Record<string, readonly string[]>> = {
  'http:': ['http:'],
  'https:': ['https:'],
  'ws:': ['ws:', 'http:'],
  'wss:': ['wss:', 'https:'],
};

/** Why a page may not open a console, in Nova's words; null when it may. The page must come from this proxy's own name, or from one that is allowed. */
export function reasonAgainstOrigin({ origin, host, allowed, accessUrlBase }: Origin): string | null {
  if (origin === undefined) return null;
  const page = urlOf(origin);
  if (page === null || page.hostname === '') return 'Origin header not valid.';
  const own = host === undefined ? null : urlOf(`http://${host}`);
  const names = [...allowed.map((name) => name.toLowerCase()), ...(own === null ? [] : [own.hostname])];
  if (!names.includes(page.hostname)) return 'Origin header does not match this host.';
  const base = urlOf(accessUrlBase);
  if (base === null || !(schemes[base.protocol] ?? []).includes(page.protocol)) return 'Origin header protocol does not match this host.';
  return null;
}

const urlOf = (text: string): URL | null => URL.parse(text);

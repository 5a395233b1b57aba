/** Longer than any token: not worth a look. */
const longest = 255;

/** The token a viewer shows: in the query of its WebSocket, or in a cookie as viewers of old did. Null when there is none. */
export function tokenOfRequest({ url, cookie }: { readonly url: string; readonly cookie: string | undefined }): string | null {
  const [, query = ''] = /\?(.*)$/s.exec(url) ?? [];
  const token = new URLSearchParams(query).getAll('token').at(-1) || tokenOfCookies(cookie ?? '');
  return token === null || token.length > longest ? null : token;
}

function tokenOfCookies(cookies: string): string | null {
  for (const cookie of cookies.split(';')) {
    const [name, value] = cookie.trim().split('=', 2);
    if (name === 'token' && value !== undefined && value !== '') return value.replaceAll('"', '');
  }
  return null;
}

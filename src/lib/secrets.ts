/** Ends of the names under which a secret stands, small and without punctuation: `adminPass`, `admin_pass`, `X-Auth-Token`. */
const endings = /(password|passwd|passphrase|adminpass|secret|token|authorization|privatekey|userdata|cookie)$/;

const censor = '***';

/** Whether what stands under this key must be neither shown nor logged. */
export const isSecretKey = (key: string): boolean => endings.test(key.toLowerCase().replaceAll(/[^a-z]/g, ''));

/** Deeper things are left out rather than looked through. */
const deepest = 12;

/** The same value without the secrets in it, at any depth. What holds none is not copied. */
export function withoutSecrets(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || 'toJSON' in value || ArrayBuffer.isView(value)) return value;
  if (depth > deepest) return '…';
  if (Array.isArray(value)) {
    const items = value.map((item) => withoutSecrets(item, depth + 1));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  const entries = Object.entries(value).map(
    ([key, held]) => [key, isSecretKey(key) && canBeSecret(held) ? censor : withoutSecrets(held, depth + 1)] as const,
  );
  return entries.every(([key, held]) => held === (value as Record<string, unknown>)[key]) ? value : Object.fromEntries(entries);
}

/** Whether there is a secret and of what kind is no secret. */
const canBeSecret = (value: unknown): boolean => value !== null && value !== undefined && typeof value !== 'boolean' && value !== '';

/** A URL without the secrets in its query, and without what a path names as a token. */
export const urlWithoutSecrets = (url: string): string =>
  url
    .replaceAll(/(\/[^/?]*tokens?\/)[^/?]+/gi, `$1${censor}`)
    .replaceAll(/([?&])([^=&]*)=([^&]*)/g, (whole, separator: string, key: string) =>
      isSecretKey(key) ? `${separator}${key}=${censor}` : whole,
    );

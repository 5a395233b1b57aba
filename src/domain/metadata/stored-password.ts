/** The encrypted password a guest posted, as system metadata keeps it: in four pieces of at most 255 characters. */
export const storedPassword = (systemMetadata: Readonly<Record<string, string>>): string =>
  [0, 1, 2, 3].map((n) => systemMetadata[`password_${n}`] ?? '').join('');

/** Those four pieces. Empty ones are written too, so that a longer password before leaves nothing behind. */
export const passwordPieces = (password: string): Record<string, string> =>
  Object.fromEntries([0, 1, 2, 3].map((n) => [`password_${n}`, password.slice(n * 255, (n + 1) * 255)]));

/** The longest password that fits. */
export const maxPasswordLength = 4 * 255;

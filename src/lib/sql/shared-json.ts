/** Texts longer than this seldom come twice. */
const mostCharacters = 4_096;
const mostValues = 4_000;

let values = new Map<string, unknown>();

/**
 * Reads the JSON of a column. Rows repeat themselves (one of a few values, or the same empty list, stands in thousands of them),
 * so equal texts share one value, which is frozen.
 */
export function sharedJson(text: string): unknown {
  if (text.length > mostCharacters) return JSON.parse(text);
  const known = values.get(text);
  if (known !== undefined) return known;
  const value = freeze(JSON.parse(text));
  if (values.size >= mostValues) values = new Map(); // cheaper than to remember which was used last
  values.set(text, value);
  return value;
}

function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const child of Object.values(value)) freeze(child);
  return Object.freeze(value);
}

/** A time as Keystone writes it. */
export const isoTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

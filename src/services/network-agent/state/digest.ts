import { createHash } from 'node:crypto';

/** Enough of a text's hash to tell two texts apart. */
export const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24);

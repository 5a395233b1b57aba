/** What of the published API is not served yet, by the reason. Whoever serves an entry strikes it out: `surface.test.ts` fails until then. */
export const notServedYet: Readonly<Record<string, readonly string[]>> = {};

/** Keys of actions, likewise. */
export const actionsNotServedYet: Readonly<Record<string, readonly string[]>> = {};

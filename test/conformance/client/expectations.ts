import type { Expectation } from '../verdict.ts';

/** What the client cannot do here, each with its reason. */
export const clientExpectations: readonly Expectation[] = [];

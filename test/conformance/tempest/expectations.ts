import type { Expectation } from '../verdict.ts';

/** What Tempest cannot find good, or does not try, on a cloud such as ours; each with its reason. */
export const tempestExpectations: readonly Expectation[] = [
  { outcome: 'skipped', says: /nova-network is gone/, because: 'nova-network is gone from Nova since Rocky; its routes answer 404 or 410' },
  {
    outcome: 'skipped',
    says: /os-agents API is not supported/,
    because: 'os-agents is gone from Nova since Victoria; its routes answer 410',
  },
  { outcome: 'skipped', says: /Nova cert/i, because: 'os-certificates is gone from Nova since Ocata; its routes answer 410' },
  { outcome: 'skipped', says: /Instance validation tests are disabled/, because: 'guests are pretended: nobody can log in to them' },
];

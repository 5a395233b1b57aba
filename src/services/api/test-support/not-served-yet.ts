/** What of the published API is not served yet, by the reason. Whoever serves an entry strikes it out: `surface.test.ts` fails until then. */
export const notServedYet: Readonly<Record<string, readonly string[]>> = {
  'the layout of a server is not shown yet': ['GET /servers/{}/topology'],
  'migrations of servers are not there yet': [
    'GET /servers/{}/migrations',
    'GET /servers/{}/migrations/{}',
    'DELETE /servers/{}/migrations/{}',
    'POST /servers/{}/migrations/{}/action',
    'GET /os-migrations',
  ],
};

/** Keys of actions, likewise. */
export const actionsNotServedYet: Readonly<Record<string, readonly string[]>> = {
  'migrations of servers are not there yet': [
    'confirmResize',
    'revertResize',
    'resize',
    'evacuate',
    'migrate',
    'os-migrateLive',
    'force_complete',
  ],
};

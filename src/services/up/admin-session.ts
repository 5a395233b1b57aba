import { createIdentityClient } from '../../clients/identity-http.ts';
import type { Session } from '../../clients/session.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Cloud } from './cloud.ts';

/** A session of the cloud's administrator, for what `up` does in his name. */
export function adminSession(cloud: Pick<Cloud, 'authUrl' | 'region'>, password: string, log: Log): Session {
  return createIdentityClient({
    authUrl: cloud.authUrl,
    username: 'admin',
    password,
    projectName: 'admin',
    userDomainName: 'Default',
    projectDomainName: 'Default',
    region: cloud.region,
    log,
    clock: systemClock,
  }).serviceSession;
}

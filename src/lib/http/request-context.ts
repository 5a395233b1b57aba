import type { FastifyReply, FastifyRequest } from 'fastify';
import { forbidden, unauthenticated } from '../errors.ts';
import type { Caller } from './caller.ts';
import { negotiate, version as versionNumber, type Negotiated } from './microversion.ts';
import type { Mounts } from './mounts.ts';
import type { RequestContext } from './route.ts';
import type { ServiceSpec } from './service-spec.ts';

const requestIdForm = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Refuses who brings no token that is good. */
export const needsToken = (): Error => unauthenticated('The request you have made requires authentication.');

export const authorityOf = (request: FastifyRequest): string => request.headers.host ?? 'localhost';
/** What links begin with. */
export const baseUrlOf = (request: FastifyRequest, linkPrefix: string | undefined): string =>
  linkPrefix ?? `${request.protocol}://${authorityOf(request)}`;

type Spec = Pick<ServiceSpec<unknown>, 'microversions' | 'policy' | 'faults' | 'linkPrefix'>;

/** What is known of a request once its token and its microversion are read; the answer is told its headers of versions. */
export function requestContext(
  spec: Spec,
  mounts: Mounts,
  request: FastifyRequest,
  reply: FastifyReply,
  { requestId, caller }: { readonly requestId: string; readonly caller: Caller | null },
): RequestContext {
  const mounted = mounts.of(request.routeOptions.url ?? '');
  const legacy = mounted?.legacy === true;
  const negotiated = versionOf(spec, request, mounted === undefined || legacy);
  for (const [name, value] of Object.entries(negotiated.headers)) void reply.header(name, value);
  const [path = '/', rawQuery = ''] = request.url.split('?', 2);
  const mount = path
    .split('/')
    .slice(0, (mounted?.prefix ?? '').split('/').length)
    .join('/');
  const abort = new AbortController();
  // the request closes as soon as it is read; the answer closes when it is sent, or when nobody waits for it any more
  reply.raw.once('close', () => (reply.raw.writableFinished ? undefined : abort.abort(new Error('the client went away'))));
  const globalId = request.headers['x-openstack-request-id'];
  const allowed = (rule: string, target?: Readonly<Record<string, unknown>>): boolean =>
    caller !== null && spec.policy.allows(rule, caller, target ?? { project_id: caller.projectId, user_id: caller.userId });
  return {
    requestId,
    globalRequestId: typeof globalId === 'string' && requestIdForm.test(globalId) ? globalId : null,
    version: negotiated.version,
    get caller() {
      if (caller === null) throw needsToken();
      return caller;
    },
    anonymous: caller === null,
    baseUrl: baseUrlOf(request, spec.linkPrefix),
    mount,
    legacy,
    method: request.method,
    path: path.slice(mount.length),
    rawQuery,
    remoteAddress: request.socket.remoteAddress ?? '',
    headers: request.headers,
    signal: abort.signal,
    can: allowed,
    authorize(rule, target) {
      if (!allowed(rule, target)) throw forbidden(spec.faults.policyRefusal?.(rule) ?? `Policy doesn't allow ${rule} to be performed.`);
    },
    setHeader: (name, value) => void reply.header(name, value),
  };
}

function versionOf({ microversions }: Spec, { headers }: FastifyRequest, ignoresHeaders: boolean): Negotiated {
  if (microversions === undefined) return { version: 0, headers: {} };
  return ignoresHeaders ? { version: versionNumber(microversions.min), headers: {} } : negotiate(headers, microversions);
}

import type { WireBody } from '../../support/wire-body.ts';

interface Heard {
  readonly status: number;
  readonly body: WireBody;
}

/** The administrator of a cloud, speaking HTTP. */
export interface CloudSession {
  readonly projectId: string;
  readonly userId: string;
  readonly ask: (
    method: string,
    path: string,
    options?: { readonly version?: string; readonly body?: unknown; readonly at?: 'compute' | 'root' },
  ) => Promise<Heard>;
  /** Asks until what comes satisfies. */
  readonly until: (path: string, done: (body: WireBody) => boolean, version?: string) => Promise<WireBody>;
}

interface Issued {
  readonly token: {
    readonly project: { readonly id: string };
    readonly user: { readonly id: string };
    readonly catalog: readonly {
      readonly type: string;
      readonly endpoints: readonly { readonly interface: string; readonly url: string }[];
    }[];
  };
}

/** Signs in with what an openrc file says. */
export async function cloudSession(environment: NodeJS.ProcessEnv): Promise<CloudSession> {
  const domain = { id: 'default' };
  const answer = await fetch(`${environment['OS_AUTH_URL']}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: environment['OS_USERNAME'], domain, password: environment['OS_PASSWORD'] } },
        },
        scope: { project: { name: environment['OS_PROJECT_NAME'], domain } },
      },
    }),
  });
  if (answer.status !== 201) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
  const token = answer.headers.get('x-subject-token') ?? '';
  const { token: issued } = (await answer.json()) as Issued;
  const compute =
    issued.catalog.find(({ type }) => type === 'compute')?.endpoints.find((endpoint) => endpoint.interface === 'public')?.url ?? '';
  const session: CloudSession = {
    projectId: issued.project.id,
    userId: issued.user.id,
    async ask(method, path, { version = '2.1', body, at = 'compute' } = {}) {
      const base = at === 'compute' ? compute : new URL(compute).origin;
      const heard = await fetch(`${base}${path}`, {
        method,
        headers: {
          'x-auth-token': token,
          'openstack-api-version': `compute ${version}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await heard.text();
      return { status: heard.status, body: text === '' ? null : (JSON.parse(text) as never) };
    },
    async until(path, done, version = '2.1') {
      const patience = AbortSignal.timeout(60_000);
      for (;;) {
        const { body } = await session.ask('GET', path, { version });
        if (done(body)) return body;
        if (patience.aborted) throw new Error(`${path} has not come to what was wanted: ${JSON.stringify(body)}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  };
  return session;
}

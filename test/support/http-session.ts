// oxlint-disable-next-line typescript/no-explicit-any -- what services answer is judged by the tests
type Answer = any;

/** Somebody with the variables of an openrc file, who speaks HTTP. */
export interface HttpSession {
  ask(
    service: string,
    method: string,
    path: string,
    body?: object,
    microversion?: string,
  ): Promise<{ readonly status: number; readonly text: string; readonly json: Answer }>;
}

/** Gets a token, and finds the services in its catalog. */
export async function openHttpSession(openrc: NodeJS.ProcessEnv): Promise<HttpSession> {
  const domain = { name: openrc['OS_USER_DOMAIN_NAME'] };
  const user = { name: openrc['OS_USERNAME'], domain, password: openrc['OS_PASSWORD'] };
  const scope = { project: { name: openrc['OS_PROJECT_NAME'], domain } };
  const issued = await fetch(`${openrc['OS_AUTH_URL']}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } }, scope } }),
  });
  if (issued.status !== 201) throw new Error(`no token: ${await issued.text()}`);
  const token = issued.headers.get('x-subject-token') ?? '';
  const { catalog } = ((await issued.json()) as { token: { catalog: { type: string; endpoints: { interface: string; url: string }[] }[] } })
    .token;
  return {
    async ask(service, method, path, body, microversion = '2.93') {
      const url = catalog.find(({ type }) => type === service)?.endpoints.find((endpoint) => endpoint.interface === 'public')?.url;
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { 'x-auth-token': token, 'content-type': 'application/json', 'openstack-api-version': `compute ${microversion}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, text, json: text === '' ? null : (JSON.parse(text) as unknown) };
    },
  };
}

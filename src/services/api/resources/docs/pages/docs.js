// Shows OpenAPI documents. What it says comes from them alone and goes into the page as text, never as markup.

const byId = (id) => document.getElementById(id);
const methods = ['get', 'head', 'post', 'put', 'patch', 'delete'];

/** An element with attributes and children; text children are text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

/** `#/compute/servers/get_…`: the service and the request that are shown. */
const place = () => {
  const [, service = '', operation = ''] = decodeURIComponent(location.hash).split('/');
  return { service, operation };
};

const documents = new Map();
async function documentOf(service) {
  if (!documents.has(service)) {
    const answer = await fetch(`docs/${service}.json`);
    if (!answer.ok) throw new Error(`There is no document for ${service}.`);
    documents.set(service, await answer.json());
  }
  return documents.get(service);
}

/** Every request of a document, by its tag. */
const operationsOf = ({ paths }) =>
  Object.entries(paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method] !== undefined).map((method) => ({ path, method: method.toUpperCase(), ...item[method] })),
  );

function resolve(api, thing) {
  if (thing?.$ref === undefined) return thing;
  return thing.$ref
    .slice(2)
    .split('/')
    .reduce((at, part) => at?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], api);
}

/** What may be said of a value in one line. */
function limitsOf(schema) {
  const said = [
    schema.const === undefined ? null : `always ${JSON.stringify(schema.const)}`,
    schema.enum === undefined ? null : schema.enum.map((value) => JSON.stringify(value)).join(' | '),
    schema.minLength === undefined ? null : `at least ${schema.minLength} characters`,
    schema.maxLength === undefined ? null : `at most ${schema.maxLength} characters`,
    schema.minimum === undefined ? null : `≥ ${schema.minimum}`,
    schema.maximum === undefined ? null : `≤ ${schema.maximum}`,
    schema.minItems === undefined ? null : `at least ${schema.minItems} items`,
    schema.maxItems === undefined ? null : `at most ${schema.maxItems} items`,
    schema.pattern === undefined ? null : schema.pattern,
  ];
  return said.filter((one) => one !== null).join(', ');
}

const typeOf = (schema) => {
  if (schema === undefined || schema === true || Object.keys(schema).length === 0) return 'anything';
  if (schema.type !== undefined) return [schema.type].flat().join(' or ');
  if (schema.anyOf ?? schema.oneOf) return 'one of';
  return 'anything';
};

const spans = (schema) => {
  const span = schema?.['x-openstack-microversions'];
  if (span === undefined) return '';
  const [since, until] = [span.since ?? span.min, span.until ?? span.max];
  if (typeof span === 'string') return span;
  return until === undefined ? `since ${since}` : since === undefined ? `until ${until}` : `${since} to ${until}`;
};

/** A schema as a tree that is opened where one wants to know more. */
function schemaTree(api, given, label, required, seen = []) {
  const name = given?.$ref?.split('/').at(-1) ?? null;
  const schema = resolve(api, given) ?? {};
  const head = [
    label === null ? null : element('code', {}, label),
    required ? element('b', { title: 'must be given' }, ' *') : null,
    element('span', { class: 'dim' }, ` ${name ?? typeOf(schema)} `),
    element('span', { class: 'dim' }, limitsOf(schema)),
    element('span', {}, spans(schema) === '' ? '' : ` ${spans(schema)}`),
    schema['x-openstack-policy'] === undefined ? null : element('code', { class: 'dim' }, ` ${schema['x-openstack-policy']}`),
  ].filter((part) => part !== null);
  if (name !== null && seen.includes(name)) return element('div', {}, head);
  const inside = name === null ? seen : [...seen, name];
  const children = [
    ...Object.entries(schema.properties ?? {}).map(([key, value]) =>
      schemaTree(api, value, key, (schema.required ?? []).includes(key), inside),
    ),
    ...Object.entries(schema.patternProperties ?? {}).map(([key, value]) => schemaTree(api, value, `/${key}/`, false, inside)),
    ...(schema.items === undefined ? [] : [schemaTree(api, schema.items, 'each', false, inside)]),
    ...(schema.anyOf ?? schema.oneOf ?? []).map((value) => schemaTree(api, value, resolve(api, value)?.title ?? 'or', false, inside)),
  ];
  if (children.length === 0) return element('div', {}, head);
  const open = inside.length + children.length < 40 && seen.length === 0;
  return element(
    'details',
    open ? { open: '' } : {},
    element('summary', {}, head),
    element(
      'ul',
      { class: 'fields' },
      children.map((child) => element('li', {}, child)),
    ),
  );
}

function parameterRows(api, operation) {
  return (operation.parameters ?? []).map((given) => {
    const parameter = resolve(api, given);
    const schema = resolve(api, parameter.schema) ?? {};
    return element(
      'tr',
      {},
      element('td', {}, element('code', {}, parameter.name), parameter.required === true ? element('b', {}, ' *') : ''),
      element('td', {}, parameter.in),
      element('td', {}, `${typeOf(schema)} ${limitsOf(schema)}`),
      element('td', {}, parameter.description ?? spans(parameter) ?? ''),
    );
  });
}

function showOperation(api, operation) {
  const rows = parameterRows(api, operation);
  const body = resolve(api, operation.requestBody);
  const answers = Object.entries(operation.responses ?? {}).map(([status, given]) => [status, resolve(api, given)]);
  const contentOf = (holder) =>
    Object.entries(holder?.content ?? {}).map(([type, { schema }]) =>
      element('div', {}, element('div', { class: 'dim' }, type), schemaTree(api, schema, null, false)),
    );
  byId('content').replaceChildren(
    element('h2', {}, operation.summary ?? operation.operationId),
    element('p', {}, element('span', { class: `method ${operation.method}` }, `${operation.method} `), element('code', {}, operation.path)),
    ...(spans(operation) === '' ? [] : [element('p', {}, `Microversions: ${spans(operation)}`)]),
    ...(operation['x-openstack-policy'] === undefined
      ? []
      : [element('p', {}, 'Rule: ', element('code', {}, operation['x-openstack-policy']))]),
    ...(operation.description === undefined ? [] : [element('p', {}, operation.description)]),
    ...(rows.length === 0 ? [] : [element('h3', {}, 'Parameters'), element('table', {}, element('tbody', {}, rows))]),
    ...(body === undefined ? [] : [element('h3', {}, 'Body'), ...contentOf(body)]),
    element('h3', {}, 'Answers'),
    ...answers.map(([status, answer]) =>
      element('div', {}, element('p', {}, element('b', {}, status), ` ${answer.description ?? ''}`), ...contentOf(answer)),
    ),
  );
  byId('content').scrollTop = 0;
}

function showService(api) {
  const count = operationsOf(api).length;
  byId('content').replaceChildren(
    element('h2', {}, `${api.info.title} API`),
    element('p', {}, api.info.description ?? ''),
    element('p', { class: 'dim' }, `Version ${api.info.version}, ${count} requests. Choose one from the list.`),
  );
}

function showIndex(api, service, current) {
  const words = byId('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = operationsOf(api).filter((operation) => {
    const text = `${operation.method} ${operation.path} ${operation.summary ?? ''} ${operation['x-openstack-policy'] ?? ''}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const groups = Map.groupBy(found, ({ tags = ['other'] }) => tags[0]);
  byId('index').replaceChildren(
    ...[...groups].flatMap(([tag, operations]) => [
      element('h2', {}, tag),
      ...operations.map((operation) =>
        element(
          'a',
          {
            href: `#/${service}/${encodeURIComponent(operation.operationId)}`,
            title: operation.summary ?? '',
            'aria-current': operation.operationId === current ? 'page' : null,
          },
          element('span', { class: `method ${operation.method}` }, operation.method),
          element('code', {}, operation.path),
        ),
      ),
    ]),
    ...(found.length === 0 ? [element('p', { class: 'dim' }, 'Nothing has all these words.')] : []),
  );
}

const names = (await (await fetch('docs/services.json')).json()).services;

async function show() {
  const asked = place();
  const service = names.includes(asked.service) ? asked.service : names[0];
  byId('services').replaceChildren(
    ...names.map((name) => element('a', { href: `#/${name}`, 'aria-current': name === service ? 'page' : null }, name)),
  );
  byId('raw').setAttribute('href', `docs/${service}.json`);
  try {
    const api = await documentOf(service);
    showIndex(api, service, asked.operation);
    const operation = operationsOf(api).find(({ operationId }) => operationId === asked.operation);
    if (operation === undefined) showService(api);
    else showOperation(api, operation);
  } catch (error) {
    byId('content').replaceChildren(element('p', { role: 'alert' }, String(error.message ?? error)));
  }
}

addEventListener('hashchange', () => void show());
byId('search').addEventListener('input', () => void show());
await show();

import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import type { MicroversionScheme } from './microversion.ts';
import { openApi, type OpenApiSource } from './openapi.ts';
import { versionedQuery, anyText } from './query.ts';
import { actionFactory, routeFactory } from './route.ts';
import { plainBody, versionedBody } from './versioned-body.ts';
import { versionedView } from './versioned-view.ts';

const route = routeFactory<null, 'things:read' | 'things:write'>();
const action = actionFactory<null, 'things:write', null>();
const Text = Type.String();
const view = versionedView<null>('Thing', {
  id: { type: Text, get: () => '' },
  colour: { since: '2.3', type: Text, get: () => '' },
  shape: [
    { until: '2.4', type: Type.Integer(), get: () => 0 },
    { since: '2.5', type: Text, get: () => '' },
  ],
  secret: { type: Text, get: () => '', policy: 'things:write' },
});
const scheme: MicroversionScheme = { serviceType: 'things', min: '2.1', max: '2.10' };
const nothing = { reply: { status: 204 }, handle: () => undefined };
const list = route({ ...nothing, method: 'GET', path: '/things', summary: 'List', policy: 'things:read' });
const source = (more: Partial<OpenApiSource>): OpenApiSource => ({
  title: 'Things',
  description: 'All things.',
  apiVersion: 'v1',
  routes: [],
  ...more,
});
// oxlint-disable-next-line typescript/no-explicit-any -- the document is looked at from outside
const documentOf = (more: Partial<OpenApiSource>): any => openApi(source(more));

describe('openApi', () => {
  it('shows a route with its parameters, rule, body and answer at the newest version', () => {
    const update = route({
      method: 'PUT',
      path: '/things/:id(^[a-f]+$)',
      summary: 'Change a thing',
      policy: 'things:write',
      since: '2.2',
      query: versionedQuery({
        dry: { type: anyText },
        tag: { type: anyText, many: true, since: '2.4' },
        old: { type: anyText, until: '2.9' },
      }),
      body: {
        key: 'thing',
        schema: versionedBody('ChangeThing', { colour: { type: Text, required: true }, size: { since: '2.7', type: Text } }),
      },
      reply: { status: 200, key: 'thing', view },
      handle: () => null,
    });
    const document = documentOf({ routes: [update], microversions: scheme, mount: '/v2' });
    expect(document.paths).toEqual({
      '/v2/things/{id}': {
        put: {
          operationId: 'put_v2_things_by-id',
          summary: 'Change a thing',
          tags: ['things'],
          'x-openstack-microversions': { since: '2.2' },
          'x-openstack-policy': 'things:write',
          parameters: [
            { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
            { name: 'dry', in: 'query', schema: { type: 'string' } },
            {
              name: 'tag',
              in: 'query',
              'x-openstack-microversions': { since: '2.4' },
              schema: { type: 'array', items: { type: 'string' } },
            },
            { $ref: '#/components/parameters/microversion' },
          ],
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: { type: 'object', required: ['thing'], properties: { thing: { $ref: '#/components/schemas/ChangeThing' } } },
              },
            },
          },
          responses: {
            '200': {
              description: 'Change a thing',
              content: {
                'application/json': {
                  schema: { type: 'object', required: ['thing'], properties: { thing: { $ref: '#/components/schemas/Thing' } } },
                },
              },
            },
            default: { description: 'A refusal: a fault with its code and a message.' },
          },
        },
      },
    });
    expect(document.components.schemas.Thing.properties).toEqual({
      id: { type: 'string' },
      colour: { type: 'string', 'x-openstack-microversions': { since: '2.3' } },
      shape: { type: 'string' },
      secret: { type: 'string' },
    });
    expect(document.components.schemas.Thing.required).toEqual(['id', 'colour', 'shape']);
    expect(document.components.schemas.ChangeThing.properties.size).toEqual({
      type: 'string',
      'x-openstack-microversions': { since: '2.7' },
    });
  });

  it('shows routes that follow each other in time as the newest, with all their statuses', () => {
    const made = (window: object, status: number) =>
      route({
        ...window,
        method: 'POST',
        path: '/things',
        summary: `Make (${status})`,
        policy: 'things:write',
        reply: { status },
        handle: () => null,
      });
    const { post } = documentOf({ routes: [made({ since: '2.2' }, 201), made({ until: '2.1' }, 200)], microversions: scheme }).paths[
      '/things'
    ];
    expect(post.summary).toBe('Make (201)');
    expect(Object.keys(post.responses)).toEqual(['200', '201', 'default']);
  });

  it('shows a route that ended as it was at its end', () => {
    const ended = route({
      method: 'GET',
      path: '/things/:id',
      summary: 'Show',
      policy: 'things:read',
      until: '2.4',
      reply: { status: 200, view },
      handle: () => null,
    });
    const document = documentOf({ routes: [ended], microversions: scheme });
    expect(document.paths['/things/{id}'].get['x-openstack-microversions']).toEqual({ until: '2.4' });
    expect(document.components.schemas.Thing.properties.shape).toEqual({ type: 'integer' });
  });

  it('tells actions apart by their key', () => {
    const actions = [
      action({
        key: 'paint',
        summary: 'Paint it',
        policy: 'things:write',
        since: '2.3',
        body: plainBody('Paint', Type.Object({ colour: Text })),
        reply: { status: 202 },
        handle: () => undefined,
      }),
      action({ key: 'burn', summary: 'Burn it', policy: 'things:write', reply: { status: 204 }, handle: () => undefined }),
    ];
    const { post } = documentOf({
      actionRoutes: [{ path: '/things/:id/action', load: () => Promise.resolve(null), target: () => ({}), actions }],
      microversions: scheme,
    }).paths['/things/{id}/action'];
    expect(post.requestBody.content['application/json'].schema.oneOf).toEqual([
      {
        title: 'Paint it',
        'x-openstack-microversions': { since: '2.3' },
        'x-openstack-policy': 'things:write',
        type: 'object',
        required: ['paint'],
        properties: { paint: { $ref: '#/components/schemas/Paint' } },
      },
      { title: 'Burn it', 'x-openstack-policy': 'things:write', type: 'object', required: ['burn'], properties: { burn: {} } },
    ]);
    expect(Object.keys(post.responses)).toEqual(['202', '204', 'default']);
  });

  it('asks for a token, but not where a route is public', () => {
    const open = route({ ...nothing, method: 'GET', path: '/', summary: 'Versions', policy: 'public' });
    const document = documentOf({ routes: [list], rootRoutes: [open], mount: '/v1' });
    expect(document.security).toEqual([{ token: [] }]);
    expect(document.paths['/'].get.security).toEqual([]);
    expect(document.paths['/v1/things'].get).not.toHaveProperty('security');
  });

  it('has no trace of microversions where there are none', () => {
    const document = documentOf({ routes: [list] });
    expect(JSON.stringify(document)).not.toContain('icroversion');
    expect(document.info.version).toBe('v1');
  });

  it('keeps schemas apart that share a title', () => {
    const make = (path: '/a' | '/b', type: typeof Text | ReturnType<typeof Type.Integer>) =>
      route({ ...nothing, method: 'PUT', path, summary: path, policy: 'things:write', body: { schema: plainBody('Same', type) } });
    const { paths } = documentOf({ routes: [make('/a', Text), make('/b', Type.Integer())] });
    expect([paths['/a'], paths['/b']].map((item) => item.put.requestBody.content['application/json'].schema)).toEqual([
      { $ref: '#/components/schemas/Same' },
      { type: 'integer' },
    ]);
  });

  it('says the same of the same tables, in whatever order they come', () => {
    const other = route({ ...nothing, method: 'GET', path: '/others', summary: 'List', policy: 'things:read' });
    expect(JSON.stringify(openApi(source({ routes: [other, list] })))).toBe(JSON.stringify(openApi(source({ routes: [list, other] }))));
  });
});

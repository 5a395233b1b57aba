import Type from 'typebox';
import { versionedBody } from '../../../../lib/http/versioned-body.ts';
import { messageOf } from '../../../../lib/errors.ts';
import { normalizeUuid } from '../../../../lib/ids.ts';
import { Reply } from '../../../../lib/http/route.ts';
import { findInstances } from '../../../../store/instances.ts';
import { route } from '../../deps.ts';
import { operate } from '../servers/operate.ts';
import { Uuid } from '../../schemas.ts';

/** The events a request may hold, from a microversion on. */
const events = (...later: readonly string[]) =>
  Type.Array(
    Type.Object(
      {
        name: Type.Enum(['network-changed', 'network-vif-plugged', 'network-vif-unplugged', 'network-vif-deleted', ...later]),
        server_uuid: Uuid,
        status: Type.Optional(Type.Enum(['failed', 'completed', 'in-progress'])),
        tag: Type.Optional(Type.String({ maxLength: 255 })),
      },
      { additionalProperties: false },
    ),
    { minItems: 1 },
  );

const Events = versionedBody('ExternalEvents', {
  events: [
    { until: '2.50', required: true, type: events() },
    { since: '2.51', until: '2.75', required: true, type: events('volume-extended') },
    { since: '2.76', until: '2.81', required: true, type: events('volume-extended', 'power-update') },
    { since: '2.82', until: '2.92', required: true, type: events('volume-extended', 'power-update', 'accelerator-request-bound') },
    { since: '2.93', required: true, type: events('volume-extended', 'power-update', 'accelerator-request-bound', 'volume-reimaged') },
  ],
});

/** Events that mean nothing without their tag. */
const needsTag: readonly string[] = ['volume-extended', 'power-update', 'accelerator-request-bound'];

/** What other services tell of servers: 200 when all of it could be passed on, 207 when some could not, with a code for each. */
export const externalEventRoutes = [
  route({
    method: 'POST',
    path: '/os-server-external-events',
    summary: 'Tell compute what happened elsewhere',
    policy: 'os_compute_api:os-server-external-events:create',
    body: { schema: Events },
    reply: { status: 200 },
    handle: async ({ body, ctx, deps }) => {
      const changed = new Set<string>();
      const servers = await findInstances(deps.stores, [...new Set(body.events.map(({ server_uuid: id }) => normalizeUuid(id)!))]);
      const results = await Promise.all(
        body.events.map(async (event) => {
          const id = normalizeUuid(event.server_uuid)!;
          const status = event.status ?? 'completed';
          const answer = (code: number, outcome: string) => ({
            name: event.name,
            server_uuid: id,
            ...(event.tag === undefined ? {} : { tag: event.tag }),
            status: outcome,
            code,
          });
          if (event.tag === undefined && needsTag.includes(event.name)) return answer(400, 'failed');
          const found = servers.get(id);
          if (found === undefined) return answer(404, 'failed');
          if (found.instance.host === null) return answer(422, 'failed');
          if (event.name.startsWith('network-')) changed.add(id);
          if (event.name === 'network-changed') return answer(200, status);
          if (event.name === 'volume-extended') {
            const accepted = await operate(deps, ctx, found, 'extendVolume', {
              name: 'extend-volume',
              params: { volumeId: event.tag },
            }).then(
              () => true,
              (error: unknown) => {
                deps.log.warn({ err: error, instanceId: id, volumeId: event.tag }, 'a guest could not be told that its volume has grown');
                return false;
              },
            );
            return accepted ? answer(200, status) : answer(500, 'failed');
          }
          try {
            await deps.agentOn(found.instance.host).networkEvent({ instanceId: id, name: event.name, tag: event.tag ?? null, status });
          } catch (error) {
            deps.log.warn(
              { err: error, instanceId: id, event: event.name, message: messageOf(error) },
              'event could not be passed to the host',
            );
          }
          return answer(200, status);
        }),
      );
      if (changed.size > 0)
        deps.conductor
          .networkChanged({ instanceIds: [...changed] })
          .catch((error: unknown) => deps.log.warn({ err: error }, 'interfaces were not read anew'));
      return new Reply(results.every(({ code }) => code === 200) ? 200 : 207, { events: results });
    },
  }),
];

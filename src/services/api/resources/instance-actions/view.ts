import Type from 'typebox';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { versionedView, type ViewField } from '../../../../lib/http/versioned-view.ts';
import type { ActionRecord } from '../../../../store/actions.ts';
import type { ActionEvent } from '../../../../store/tables.ts';
import { microseconds } from '../../dates.ts';
import { hostId } from '../servers/view.ts';

const Text = Type.String();
const MaybeText = Type.Union([Text, Type.Null()]);
const seesEvents = 'os_compute_api:os-instance-actions:events';

const fields = {
  action: { type: Text, get: (action) => action.action },
  instance_uuid: { type: Text, get: (action) => action.instanceId },
  request_id: { type: Text, get: (action) => action.requestId },
  user_id: { type: Text, get: (action) => action.userId },
  project_id: { type: Text, get: (action) => action.projectId },
  start_time: { type: Text, get: (action) => microseconds(action.startTime) },
  message: { type: MaybeText, get: (action) => action.message },
  updated_at: { since: '2.58', type: Text, get: (action) => microseconds(action.updatedAt) },
} satisfies Readonly<Record<string, ViewField<ActionRecord, RequestContext>>>;

interface EventOfProject {
  readonly event: ActionEvent;
  readonly projectId: string;
}

const eventView = versionedView<EventOfProject, RequestContext>('InstanceActionEvent', {
  event: { type: Text, get: ({ event }) => event.event },
  start_time: { type: Text, get: ({ event }) => microseconds(event.startTime) },
  finish_time: { type: MaybeText, get: ({ event }) => microseconds(event.finishTime) },
  result: { type: MaybeText, get: ({ event }) => event.result },
  traceback: { type: MaybeText, get: ({ event }) => event.traceback, policy: seesEvents },
  hostId: { since: '2.62', type: Text, get: ({ event, projectId }) => hostId({ projectId, host: event.host }) },
  host: { since: '2.62', type: MaybeText, get: ({ event }) => event.host, policy: seesEvents },
  details: {
    since: '2.84',
    type: MaybeText,
    get: ({ event }) => event.details,
    policy: 'os_compute_api:os-instance-actions:events:details',
  },
});
const eventsOf = ({ events, projectId }: ActionRecord, ctx: RequestContext) =>
  events.toReversed().map((event) => eventView.render({ event, projectId }, ctx));
const Events = Type.Array(Type.Unknown());

/** An action in the list of what was done to a server. */
export const listedActionView = versionedView<ActionRecord, RequestContext>('ListedInstanceAction', fields);

/** An action with its events, the newest first. */
export const actionView = versionedView<ActionRecord, RequestContext>('InstanceAction', {
  ...fields,
  events: [
    { until: '2.50', type: Events, get: eventsOf, policy: seesEvents },
    { since: '2.51', type: Events, get: eventsOf },
  ],
});

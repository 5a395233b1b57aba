/** Events as the facade tells them: numbers turned into words, and a subscription that ends by itself. */
import type { CallOptions, LibvirtClient } from './client.ts';
import { agentStates, blockJobStatuses, blockJobTypes, ioErrorActions, lifecycleEvents, nameAt } from './flags.ts';
import type { BlockJobType, LifecycleDetail, LifecycleEvent } from './flags.ts';
import type { DomainRef, EventMessage, EventName } from './protocol.ts';
import { toRecord } from './typed-params.ts';
import type { ParameterRecord } from './typed-params.ts';

/** Ends a subscription: its handler is not called any more from the moment `end` is called. */
export interface Subscription extends AsyncDisposable {
  end(options?: CallOptions): Promise<void>;
}

/**
 * Asks for an event of all domains, or of `domain`. Handlers of one connection are called in the order things happened; they must be quick.
 * When the connection ends so does the subscription, and what happened meanwhile is lost: look at the states again after reconnecting.
 */
export async function onDomainEvent<N extends EventName>(
  client: LibvirtClient,
  name: N,
  handler: (message: EventMessage<N>) => void,
  { domain = null, ...options }: CallOptions & { readonly domain?: DomainRef | null } = {},
): Promise<Subscription> {
  const callback = await client.subscribe(name, domain, handler, options);
  const end = async (endOptions?: CallOptions): Promise<void> => {
    if (client.isOpen) await client.unsubscribe(name, callback, endOptions);
  };
  return { end, [Symbol.asyncDispose]: end };
}

/** A domain came, went, started, stopped, was paused or resumed. */
export interface LifecycleMessage {
  readonly domain: DomainRef;
  readonly event: LifecycleEvent;
  readonly detail: LifecycleDetail;
}

const lifecycleNames = Object.keys(lifecycleEvents).filter((name): name is keyof typeof lifecycleEvents => name in lifecycleEvents);

export function readLifecycle({ domain, event, detail }: EventMessage<'lifecycle'>): LifecycleMessage {
  const name = nameAt(lifecycleNames, event);
  const details: readonly LifecycleDetail[] = name === 'unknown' ? [] : lifecycleEvents[name];
  return { domain, event: name, detail: nameAt(details, detail) };
}

/** A disk's job completed, failed, was canceled, or is `ready` to be pivoted. */
export interface BlockJobMessage {
  readonly domain: DomainRef;
  readonly disk: string;
  readonly type: BlockJobType;
  readonly status: (typeof blockJobStatuses)[number] | 'unknown';
}

export const readBlockJob = ({ domain, disk, type, status }: EventMessage<'blockJob'>): BlockJobMessage => ({
  domain,
  disk,
  type: nameAt(blockJobTypes, type),
  status: nameAt(blockJobStatuses, status),
});

/** A disk could not be read or written; with `pause` the guest stands still. `reason` is `enospc` when the host is full. */
export interface IoErrorMessage {
  readonly domain: DomainRef;
  readonly path: string;
  readonly deviceAlias: string;
  readonly action: (typeof ioErrorActions)[number] | 'unknown';
  readonly reason: string;
}

export const readIoError = ({ domain, path, deviceAlias, action, reason }: EventMessage<'ioError'>): IoErrorMessage => ({
  domain,
  path,
  deviceAlias,
  action: nameAt(ioErrorActions, action),
  reason,
});

/** The agent inside came or went. */
export const readAgentLifecycle = ({
  domain,
  state,
}: EventMessage<'agentLifecycle'>): { readonly domain: DomainRef; readonly state: (typeof agentStates)[number] } => ({
  domain,
  state: nameAt(agentStates, state),
});

/** A job ended: its statistics as `getJob` gives them, and `success` where libvirt tells it. */
export const readJobCompleted = ({
  domain,
  parameters,
}: EventMessage<'jobCompleted'>): { readonly domain: DomainRef; readonly stats: ParameterRecord } => ({
  domain,
  stats: toRecord(parameters),
});

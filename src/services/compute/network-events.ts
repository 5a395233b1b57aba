/** What the network service says of a port of a guest. */
export interface NetworkEvent {
  readonly instanceId: string;
  /** `network-vif-plugged`, … */
  readonly name: string;
  /** The port's id. */
  readonly tag: string | null;
  readonly status: string;
}

/** Brings network events to the operations that wait for them. An event that nobody waits for is dropped: the port's state is the truth. */
export interface NetworkEvents {
  deliver(event: NetworkEvent): void;
  /** Begins to listen at once, so that no event is lost between this call and the wait. */
  expect(instanceId: string, onEvent: (event: NetworkEvent) => void): Disposable;
}

export function networkEvents(): NetworkEvents {
  const listeners = new Map<string, Set<(event: NetworkEvent) => void>>();
  return {
    deliver(event) {
      for (const listener of listeners.get(event.instanceId) ?? []) listener(event);
    },
    expect(instanceId, onEvent) {
      const mine = listeners.get(instanceId) ?? new Set();
      listeners.set(instanceId, mine.add(onEvent));
      return {
        [Symbol.dispose]() {
          mine.delete(onEvent);
          if (mine.size === 0) listeners.delete(instanceId);
        },
      };
    },
  };
}

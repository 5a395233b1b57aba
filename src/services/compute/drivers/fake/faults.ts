import type { Clock } from '../../../../lib/clock.ts';

/** What goes wrong, or slowly, in a fake hypervisor. */
export interface Fault {
  /** A verb of the driver, such as `spawn`; left out: any. */
  readonly operation?: string;
  /** Id or name of the guest, or the start of what its user calls it; left out: any guest. */
  readonly guest?: string;
  readonly host?: string;
  /** Waits this long first. */
  readonly delayMs?: number;
  /** Then fails with this; left out: goes on. */
  readonly error?: Error;
  /** How many times; left out: until it is removed. */
  readonly times?: number;
}

export interface FaultedCall {
  readonly operation: string;
  readonly host: string;
  /** Every name the guest goes by. */
  readonly guest: readonly string[];
  readonly signal?: AbortSignal;
}

export interface Faults {
  /** Disposing of it removes the fault. */
  add(fault: Fault): Disposable;
  /** Suffers every fault that fits. */
  strike(call: FaultedCall): Promise<void>;
}

export function faultsOf(clock: Clock): Faults {
  const faults = new Map<Fault, number>();
  const fits = (fault: Fault, call: FaultedCall): boolean =>
    (fault.operation === undefined || fault.operation === call.operation) &&
    (fault.host === undefined || fault.host === call.host) &&
    (fault.guest === undefined || call.guest.some((name) => name.startsWith(fault.guest!)));
  return {
    add(fault) {
      faults.set(fault, fault.times ?? Infinity);
      return { [Symbol.dispose]: () => void faults.delete(fault) };
    },
    async strike(call) {
      for (const [fault, left] of faults) {
        if (!fits(fault, call)) continue;
        if (left <= 1) faults.delete(fault);
        else faults.set(fault, left - 1);
        if (fault.delayMs !== undefined) await clock.sleep(fault.delayMs, call.signal);
        if (fault.error !== undefined) throw fault.error;
      }
    },
  };
}

import type { MoveProgress } from '../../../domain/move.ts';
import type { DiskSpec, GuestSpec } from './driver.ts';

/** Setting guests aside, and making others of what was set aside: how a guest gets another flavor or another host. */
export interface GuestMoves {
  /**
   * Switches a guest off, and keeps its disks and its definition under another name, so that a guest of the same id can be made beside
   * it. `conflict` with the code `resize-down` where a disk it `becomes` is smaller. One that is set aside already stays so.
   */
  setAside(
    id: string,
    options: { readonly becomes: readonly DiskSpec[]; readonly graceSeconds: number; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Refuses (`unsupported`) what `takeOver` cannot do: to have the disks of a guest on that host. */
  reaches(host: string): void;
  /** Makes a guest of what was set aside on that host, its disks as large as `spec` says. One that is here from an earlier try is taken. */
  takeOver(spec: GuestSpec, options: { readonly from: string; readonly start: boolean; readonly signal: AbortSignal }): Promise<void>;
  /** Removes what was set aside; succeeds when nothing is. */
  discardAside(id: string): Promise<void>;
  /** Puts what was set aside in its place again, where no other guest may be then; started when asked. A guest that was not set aside is left as it is. */
  bringBack(spec: GuestSpec, options: { readonly start: boolean; readonly signal: AbortSignal }): Promise<void>;
  /** Guests that are set aside here. */
  aside(): Promise<readonly string[]>;
}

/** Moving guests that go on running. */
export interface LiveMoves {
  /** On the destination: makes ready what the guest finds when it arrives. What an earlier try has left is made anew. */
  prepare(spec: GuestSpec, options: { readonly from: string; readonly signal: AbortSignal }): Promise<void>;
  /** On the source: ends when the guest runs on the other host and is no longer here, or fails with the guest still here. The signal gives it up. */
  send(id: string, options: { readonly to: string; readonly signal: AbortSignal }): Promise<void>;
  /** How far it is; null when nothing is under way. */
  progress(id: string): MoveProgress | null;
  /** Ends what is under way soon, though the guest stands still for it. `conflict` when nothing is. */
  forceComplete(id: string): Promise<void>;
}

import type { ConductorDeps } from '../deps.ts';

/** Something that is not as an invariant says. */
export interface Finding {
  /** What it is about; the same at every look. */
  readonly subject: string;
  readonly what: string;
  /** How it is mended, in words. */
  readonly repair: string;
  /** Servers and reservations: while something is being done to one of them, this is no finding. */
  readonly excusedBy: readonly string[];
  /** Mends it where that harms nothing, whatever has happened since the look; left out where an operator must judge. */
  readonly mend?: () => Promise<void>;
}

/** One look at the whole cloud. */
export interface Look {
  readonly deps: ConductorDeps;
  readonly signal: AbortSignal;
  /** An operation that is looked past, as if it had ended; null is none. */
  readonly endedSaga: string | null;
  /** A host cannot be looked at; that is no finding. */
  readonly cannotSee: (host: string, why: string) => void;
}

/** What must be true of the whole cloud whenever nothing is being done to the things it speaks of. */
export interface Invariant {
  readonly name: string;
  /** What is true, in one sentence. */
  readonly says: string;
  /** Reads set-wise and by pages; may report what is only true for a moment, for whoever runs it looks twice. */
  readonly check: (look: Look) => Promise<readonly Finding[]>;
}

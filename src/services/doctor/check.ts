/** What a machine may be good for; a check that fails takes away those that need it. */
export type Ability = 'fakeClouds' | 'realGuests' | 'tests';

/** `good` as it is, `warning` works but could be better or will be wanted later, `missing` must be put right first. */
export type Status = 'good' | 'warning' | 'missing';

/** What a check found, and the command that puts it right. */
export interface Finding {
  readonly status: Status;
  readonly found: string;
  /** The exact command, or the sentence where no command helps; null when there is nothing to do. */
  readonly remedy: string | null;
}

/** One question to the machine. It changes nothing, and cleans up what it had to make. */
export interface Check {
  readonly id: string;
  readonly about: string;
  /** What cannot be done while the finding is `missing`. */
  readonly neededFor: readonly Ability[];
  look(signal: AbortSignal): Finding | Promise<Finding>;
}

/** A check with what it found. */
export interface Result extends Finding {
  readonly id: string;
  readonly about: string;
  readonly neededFor: readonly Ability[];
}

export const good = (found: string): Finding => ({ status: 'good', found, remedy: null });
export const warning = (found: string, remedy: string | null): Finding => ({ status: 'warning', found, remedy });
export const missing = (found: string, remedy: string): Finding => ({ status: 'missing', found, remedy });

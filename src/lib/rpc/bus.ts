import type { Client, Contract, Handlers } from './contract.ts';
import type { CommandJournal } from './journal.ts';

export interface ServeOptions {
  /** Where finished commands are remembered; without one they are remembered for the life of the process. */
  readonly journal?: CommandJournal;
}

/**
 * Carries calls between services. It may lose, repeat and reorder them; the truth is in the database.
 * A topic names who is asked: `conductor`, `scheduler`, `compute.<host>`. Several servers on a topic share its calls.
 */
export interface Bus {
  serve<C extends Contract>(topic: string, contract: C, handlers: Handlers<C>, options?: ServeOptions): Promise<AsyncDisposable>;
  client<C extends Contract>(topic: string, contract: C): Client<C>;
  close(): Promise<void>;
}

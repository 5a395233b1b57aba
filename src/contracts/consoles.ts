/** A console that may be opened now, as the Compute API tells a console proxy (`POST /kilonova/v1/console-sessions`). */
export interface ConsoleSession {
  readonly consoleType: string;
  readonly instanceId: string;
  readonly host: string;
  readonly port: number;
  readonly internalAccessPath: string | null;
  /** Where the user was sent: pages of another scheme may not open it. */
  readonly accessUrlBase: string;
  readonly expiresAt: string;
}

import { conflict } from '../../../lib/errors.ts';
import type { ComputeHost } from '../compute-host.ts';

/** Sets a password inside a guest. It is in no log and no journal; a repeated call that does not bring it is refused. */
export const setPassword = (
  host: ComputeHost,
  { instanceId, user, password }: { readonly instanceId: string; readonly user: string; readonly password: string | null },
  signal: AbortSignal,
): Promise<void> =>
  host.locks.run(instanceId, signal, async () => {
    if (password === null) throw conflict('Whoever knew the new password is gone; it was not set.', { code: 'password-lost' });
    await host.driver.setPassword(instanceId, { user, password });
    host.log.info({ instanceId, user }, 'password set inside the guest');
  });

/** Sends a guest a non-maskable interrupt. */
export const crashDump = (host: ComputeHost, instanceId: string, signal: AbortSignal): Promise<void> =>
  host.locks.run(instanceId, signal, async () => {
    await host.driver.interrupt(instanceId);
    host.log.info({ instanceId }, 'guest interrupted for a crash dump');
  });

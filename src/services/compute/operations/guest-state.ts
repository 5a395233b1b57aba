import { notFound } from '../../../lib/errors.ts';
import type { ComputeHost, State } from '../compute-host.ts';

/** The state of a guest that must be there. */
export async function guestState(host: ComputeHost, instanceId: string): Promise<State> {
  const guest = await host.driver.inspect(instanceId);
  if (guest === null) throw notFound(`Instance ${instanceId} could not be found on host ${host.host}.`, { code: 'guest-not-found' });
  return { powerState: guest.powerState };
}

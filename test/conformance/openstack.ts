import { outcomeOf, type Outcome } from '../support/kilonova.ts';
import type { WireBody } from '../support/wire-body.ts';

/** The `openstack` client with what an openrc file says. */
export interface OpenStackClient {
  run(...args: readonly string[]): Promise<Outcome>;
  /** What a command prints as JSON; a command that fails is an error. */
  json(...args: readonly string[]): Promise<WireBody>;
}

export function openStackClient(environment: NodeJS.ProcessEnv): OpenStackClient {
  const run = (...args: readonly string[]): Promise<Outcome> =>
    outcomeOf('/usr/bin/openstack', args, { ...environment, PYTHONWARNINGS: 'ignore' });
  return {
    run,
    async json(...args) {
      const { code, out, error } = await run(...args, '-f', 'json');
      if (code !== 0) throw new Error(`openstack ${args.join(' ')} ended with ${code}: ${error}`);
      return out.trim() === '' ? null : JSON.parse(out);
    },
  };
}

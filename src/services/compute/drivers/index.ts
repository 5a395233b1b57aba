import type { Settings } from '../../../config/index.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { Log } from '../../../lib/log.ts';
import type { HypervisorDriver } from './driver.ts';

export interface DriverDeps {
  readonly host: string;
  readonly settings: Settings;
  /** The host's own directory for what must outlive the process. */
  readonly statePath: string;
  readonly clock: Clock;
  readonly log: Log;
}

export type DriverName = Settings['DEFAULT']['compute_driver'];

/** Drivers by `compute_driver`; each is loaded only where it is used. */
const drivers: Readonly<Record<DriverName, (deps: DriverDeps) => Promise<HypervisorDriver>>> = {
  'libvirt.LibvirtDriver': async (deps) => (await import('./libvirt/driver.ts')).openLibvirtDriver(deps),
  'fake.FakeDriver': async (deps) => {
    const hypervisors = (await import('./fake/hypervisors.ts')).fakeHypervisors(deps);
    return { ...hypervisors.driver(deps.host), close: async () => hypervisors.close() };
  },
};

export const openDriver = (name: DriverName, deps: DriverDeps): Promise<HypervisorDriver> => drivers[name](deps);

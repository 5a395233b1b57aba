import type { Settings } from '../../../../config/index.ts';
import type { Clock } from '../../../../lib/clock.ts';
import { createFakeDriver, type FakeDriver, type FakeResources } from './driver.ts';
import { fakeHardware } from './hardware.ts';
import { faultsOf, type Faults } from './faults.ts';
import { forgetfulBook, lastingBook, type GuestBook } from './guest-book.ts';

export interface FakeHypervisorsOptions {
  readonly clock: Clock;
  readonly settings: Settings;
  /** Where guests live on; null: they are gone with the process. */
  readonly statePath: string | null;
  /** Where guests are written down instead, for tests that watch them. */
  readonly book?: GuestBook;
  /** What each host pretends to have. */
  readonly resources?: Partial<FakeResources>;
}

/** Any number of fake hosts that share clock, faults and guest book. */
export interface FakeHypervisors {
  readonly faults: Faults;
  /** The one of that name; made at the first call. */
  driver(host: string): FakeDriver;
  /** Lets go of the drivers and of the guest book. */
  close(): void;
}

export function fakeHypervisors({
  clock,
  settings,
  statePath,
  book: givenBook,
  resources: given = {},
}: FakeHypervisorsOptions): FakeHypervisors {
  const resources = { ...fakeHardware(settings), ...given };
  const book = givenBook ?? (statePath === null ? forgetfulBook : lastingBook(statePath));
  const faults = faultsOf(clock);
  const drivers = new Map<string, FakeDriver>();
  return {
    faults,
    driver(host) {
      const driver =
        drivers.get(host) ?? createFakeDriver({ host, clock, faults, book, resources, peer: (name) => drivers.get(name)?.peer ?? null });
      drivers.set(host, driver);
      return driver;
    },
    close() {
      for (const driver of drivers.values()) void driver.close();
      book.close();
    },
  };
}

import type { Check } from './check.ts';
import { clockChecks } from './checks/clock.ts';
import { guestChecks } from './checks/guests.ts';
import { networkChecks } from './checks/network.ts';
import { packageChecks } from './checks/packages.ts';
import { portChecks } from './checks/ports.ts';
import { resourceChecks } from './checks/resources.ts';
import { softwareChecks } from './checks/software.ts';
import { volumeChecks } from './checks/volumes.ts';

/** Everything the doctor asks, in the order in which it is told. */
export const checks: readonly Check[] = [
  ...softwareChecks,
  ...packageChecks,
  ...guestChecks,
  ...volumeChecks,
  ...networkChecks,
  ...resourceChecks,
  ...clockChecks,
  ...portChecks,
];

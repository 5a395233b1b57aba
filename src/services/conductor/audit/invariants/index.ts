import type { Invariant } from '../invariant.ts';
import { allocations } from './allocations.ts';
import { attachments } from './attachments.ts';
import { buildings } from './buildings.ts';
import { groupMembers } from './group-members.ts';
import { guests } from './guests.ts';
import { guestsAside } from './guests-aside.ts';
import { leftFiles } from './left-files.ts';
import { mappedInstances } from './mapped-instances.ts';
import { mappings } from './mappings.ts';
import { moves } from './moves.ts';
import { oneCell } from './one-cell.ts';
import { ports } from './ports.ts';
import { requestSpecs } from './request-specs.ts';
import { sagaSubjects } from './saga-subjects.ts';
import { sagasGetOn } from './sagas-get-on.ts';
import { tasks } from './tasks.ts';

/** Everything the auditor holds to be true. */
export const invariants: readonly Invariant[] = [
  tasks,
  buildings,
  sagaSubjects,
  sagasGetOn,
  oneCell,
  mappings,
  mappedInstances,
  requestSpecs,
  groupMembers,
  allocations,
  ports,
  attachments,
  guests,
  guestsAside,
  leftFiles,
  moves,
];

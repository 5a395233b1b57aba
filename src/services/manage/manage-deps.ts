import type { PlacementClient } from '../../clients/placement.ts';
import type { Session } from '../../clients/session.ts';
import type { InstanceFlavor, InstanceImage } from '../../domain/instance.ts';
import type { Stores } from '../../store/stores.ts';

/** What the operator's commands work with. */
export interface ManageDeps {
  readonly stores: Stores;
  readonly placement: PlacementClient;
  readonly session: Session;
  /** What a server takes of its host's own provider; null where it takes things of several providers. */
  readonly amountsOf: (server: {
    readonly flavor: InstanceFlavor;
    readonly image: InstanceImage | null;
    readonly isBootedFromVolume: boolean;
  }) => Readonly<Record<string, number>> | null;
  readonly write: (text: string) => void;
}

/** A command line that cannot be carried out as it stands. */
export const badUsage = 127;

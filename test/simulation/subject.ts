import { powerStates, type InstanceId } from '../../src/domain/instance.ts';
import type { leftoversOf, World } from './world.ts';

export type Leftovers = Awaited<ReturnType<typeof leftoversOf>>;

/** How a saga is begun, and the only ways it may leave its instance. */
export interface Subject {
  readonly begin: (world: World) => Promise<InstanceId>;
  readonly done: Leftovers;
  /** Where it may end when it fails; one of them. */
  readonly undone: readonly Leftovers[];
}

/** Nothing is left of an instance. */
export const nothing = {
  guest: null,
  allocated: false,
  ports: 0,
  attached: [],
  volumes: 0,
  snapshots: 0,
  images: [],
  sagas: 0,
  taskState: null,
  beside: [],
} as const;
/** An instance that runs, with all it needs and nothing more. */
export const whole = {
  guest: powerStates.running,
  allocated: true,
  ports: 1,
  attached: [],
  volumes: 0,
  snapshots: 0,
  images: [],
  sagas: 0,
  taskState: null,
  beside: [],
} as const;

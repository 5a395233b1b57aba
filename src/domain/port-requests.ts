import type { RequestGroup } from './request-spec.ts';

/** What a network service says a port needs of its host, in the older form or that with several groups. */
export type PortResourceRequest =
  | { readonly resources: Readonly<Record<string, number>>; readonly required: readonly string[] }
  | {
      readonly groups: readonly {
        readonly id: string;
        readonly resources: Readonly<Record<string, number>>;
        readonly required: readonly string[];
      }[];
      readonly sameSubtree: readonly string[];
    };

export interface PortNeeds {
  readonly requestGroups: readonly RequestGroup[];
  readonly sameSubtree: readonly (readonly string[])[];
  readonly remoteManagedPorts: boolean;
}

/** What ports ask of the host of their server. A group is named as the network service names it, so that its provider is found again for the port. */
export function portNeeds(
  ports: readonly {
    readonly id: string;
    readonly resourceRequest?: PortResourceRequest | null;
    readonly binding: { readonly vnicType: string };
  }[],
): PortNeeds {
  const needs = ports.map(({ id, resourceRequest: asked }) => {
    if (asked === undefined || asked === null) return { groups: [], sameSubtree: [] };
    return 'groups' in asked ? asked : { groups: [{ id, ...asked }], sameSubtree: [] };
  });
  return {
    requestGroups: needs.flatMap(({ groups }) =>
      groups.map(({ id, resources, required }): RequestGroup => ({ requesterId: id, from: 'port', resources, required, forbidden: [] })),
    ),
    sameSubtree: needs.flatMap(({ sameSubtree }) => (sameSubtree.length === 0 ? [] : [sameSubtree])),
    remoteManagedPorts: ports.some(({ binding }) => binding.vnicType === 'remote-managed'),
  };
}

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

/** Providers claimed for groups, by the groups' names. */
export type ClaimedProviders = Readonly<Record<string, readonly string[]>>;

/** What the network service is told of the providers that serve a port (`allocation` in its binding profile): one, or one for each of its groups; null for a port that asks for nothing. */
export function portAllocation(
  { id, resourceRequest: asked }: { readonly id: string; readonly resourceRequest?: PortResourceRequest | null },
  providers: ClaimedProviders,
): string | Readonly<Record<string, string>> | null {
  if (asked === undefined || asked === null) return null;
  if (!('groups' in asked)) return providers[id]?.[0] ?? null;
  const byGroup = asked.groups.flatMap((group) =>
    providers[group.id]?.[0] === undefined ? [] : [[group.id, providers[group.id]![0]!] as const],
  );
  return byGroup.length === 0 ? null : Object.fromEntries(byGroup);
}

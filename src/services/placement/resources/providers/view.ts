import Type from 'typebox';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { does } from '../../microversions.ts';
import { Uuid } from '../../schemas.ts';

/** A provider as its representation needs it. */
export interface ShownProvider {
  readonly uuid: string;
  readonly name: string;
  readonly generation: number;
  readonly parentUuid: string | null;
  readonly rootUuid: string;
}

const Link = Type.Object({ rel: Type.String(), href: Type.String() });

export const providerView = versionedView<ShownProvider>('ResourceProvider', {
  uuid: { type: Uuid, get: (p) => p.uuid },
  name: { type: Type.String(), get: (p) => p.name },
  generation: { type: Type.Integer(), get: (p) => p.generation },
  parent_provider_uuid: { since: '1.14', type: Type.Union([Uuid, Type.Null()]), get: (p) => p.parentUuid },
  root_provider_uuid: { since: '1.14', type: Uuid, get: (p) => p.rootUuid },
  links: {
    type: Type.Array(Link),
    get: ({ uuid }, viewer) => {
      const self = `/resource_providers/${uuid}`;
      const parts = [
        'inventories',
        'usages',
        ...(does(viewer, 'aggregates') ? ['aggregates'] : []),
        ...(does(viewer, 'traits') ? ['traits'] : []),
        ...(does(viewer, 'allocationsLink') ? ['allocations'] : []),
      ];
      return [{ rel: 'self', href: self }, ...parts.map((rel) => ({ rel, href: `${self}/${rel}` }))];
    },
  },
});

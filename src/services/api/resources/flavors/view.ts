import Type from 'typebox';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import type { Flavor } from '../../../../store/flavors.ts';
import { links } from '../../links.ts';

const Text = Type.String();
const Links = Type.Array(Type.Object({ rel: Text, href: Text }));
const Description = Type.Union([Text, Type.Null()]);

/** A flavor in a brief list. */
export const briefFlavorView = versionedView<Flavor, RequestContext>('BriefFlavor', {
  id: { type: Text, get: (flavor) => flavor.flavorId },
  name: { type: Text, get: (flavor) => flavor.name },
  links: { type: Links, get: (flavor, ctx) => links(ctx, 'flavors', encodeURIComponent(flavor.flavorId)) },
  description: { since: '2.55', type: Description, get: (flavor) => flavor.description },
});

/** A flavor as clients see it, at every microversion. */
export const flavorView = versionedView<Flavor, RequestContext>('Flavor', {
  id: { type: Text, get: (flavor) => flavor.flavorId },
  name: { type: Text, get: (flavor) => flavor.name },
  ram: { type: Type.Integer(), get: (flavor) => flavor.memoryMb },
  disk: { type: Type.Integer(), get: (flavor) => flavor.rootGb },
  swap: [
    { until: '2.74', type: Type.Union([Type.Integer(), Type.Literal('')]), get: (flavor) => (flavor.swapMb === 0 ? '' : flavor.swapMb) },
    { since: '2.75', type: Type.Integer(), get: (flavor) => flavor.swapMb },
  ],
  'OS-FLV-EXT-DATA:ephemeral': { type: Type.Integer(), get: (flavor) => flavor.ephemeralGb },
  'OS-FLV-DISABLED:disabled': { until: '2.101', type: Type.Boolean(), get: (flavor) => flavor.disabled },
  vcpus: { type: Type.Integer(), get: (flavor) => flavor.vcpus },
  'os-flavor-access:is_public': { type: Type.Boolean(), get: (flavor) => flavor.isPublic },
  rxtx_factor: { until: '2.101', type: Type.Number(), get: (flavor) => flavor.rxtxFactor },
  links: { type: Links, get: (flavor, ctx) => links(ctx, 'flavors', encodeURIComponent(flavor.flavorId)) },
  description: { since: '2.55', type: Description, get: (flavor) => flavor.description },
  extra_specs: {
    since: '2.61',
    type: Type.Record(Text, Text),
    get: (flavor) => flavor.extraSpecs,
    policy: 'os_compute_api:os-flavor-extra-specs:index',
  },
});

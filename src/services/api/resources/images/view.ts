import Type from 'typebox';
import type { Image } from '../../../../clients/image.ts';
import type { RequestContext } from '../../../../lib/http/route.ts';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import { seconds } from '../../dates.ts';
import { links } from '../../links.ts';

/** An image with where the image service itself has it. */
export interface ImageDetail {
  readonly image: Image;
  readonly imageService: string;
}

/** What compute called the states of an image, and how far it took them to be. */
const states: Partial<Readonly<Record<Image['status'], { readonly status: string; readonly progress: number }>>> = {
  queued: { status: 'SAVING', progress: 25 },
  saving: { status: 'SAVING', progress: 50 },
  active: { status: 'ACTIVE', progress: 100 },
  killed: { status: 'ERROR', progress: 0 },
  deleted: { status: 'DELETED', progress: 0 },
  pending_delete: { status: 'DELETED', progress: 0 },
};
const stateOf = ({ status }: Image) => states[status] ?? { status: 'UNKNOWN', progress: 0 };

const Text = Type.String();
const Links = Type.Array(Type.Object({ rel: Text, href: Text }));
const linksOf = ({ image, imageService }: ImageDetail, ctx: RequestContext) => [
  ...links(ctx, 'images', image.id),
  { rel: 'alternate', type: 'application/vnd.openstack.image', href: `${imageService}/images/${image.id}` },
];

const brief = {
  id: { type: Text, get: ({ image }: ImageDetail) => image.id },
  name: { type: Type.Union([Text, Type.Null()]), get: ({ image }: ImageDetail) => image.name },
  links: { type: Links, get: linksOf },
};

export const briefImageView = versionedView<ImageDetail, RequestContext>('BriefComputeImage', brief);

/** An image as compute showed it until 2.35. */
export const imageView = versionedView<ImageDetail, RequestContext>('ComputeImage', {
  ...brief,
  minRam: { type: Type.Integer(), get: ({ image }) => image.minRam },
  minDisk: { type: Type.Integer(), get: ({ image }) => image.minDisk },
  metadata: { type: Type.Record(Text, Text), get: ({ image }) => image.properties },
  created: { type: Text, get: ({ image }) => seconds(image.createdAt) },
  updated: { type: Text, get: ({ image }) => seconds(image.updatedAt) },
  status: { type: Text, get: ({ image }) => stateOf(image).status },
  progress: { type: Type.Integer(), get: ({ image }) => stateOf(image).progress },
  'OS-EXT-IMG-SIZE:size': { type: Type.Integer(), get: ({ image }) => image.size ?? 0 },
  server: {
    type: Type.Unknown(),
    get: ({ image: { properties } }, ctx) => {
      const id = properties['instance_uuid'];
      return id === undefined ? undefined : { id, links: links(ctx, 'servers', id) };
    },
  },
  'OS-DCF:diskConfig': {
    type: Text,
    get: ({ image: { properties } }) => {
      const known = properties['auto_disk_config'];
      return known === undefined ? undefined : /^(true|1|yes|on)$/i.test(known) ? 'AUTO' : 'MANUAL';
    },
  },
});

import type { Image, ImageClient } from '../../src/clients/image.ts';
import { conflict, notFound } from '../../src/lib/errors.ts';
import { randomIds } from '../../src/lib/ids.ts';
import { sampleImage } from '../support/samples.ts';

/** An image service in memory: what is made of servers can be counted. */
export interface WorldImages {
  readonly client: Pick<ImageClient, 'show' | 'list' | 'delete' | 'upload' | 'changeProperties'>;
  /** An image as the API makes it for a server, without data. */
  queued(instanceId: string, properties?: Readonly<Record<string, string>>): Image;
  /** The states of the images that were made of a server. */
  of(instanceId: string): readonly Image['status'][];
}

export function worldImages(): WorldImages {
  const images = new Map<string, Image>();
  const find = (id: string): Image => {
    const image = images.get(id);
    if (image === undefined) throw notFound(`No image found with ID ${id}`);
    return image;
  };
  return {
    client: {
      show: async (_session, id) => find(id),
      list: async (_session, query = {}) =>
        [...images.values()].filter(({ properties }) =>
          Object.entries(query).every(([name, value]) => name.startsWith('sort_') || properties[name] === value),
        ),
      changeProperties: async (_session, id, { set }) => {
        const changed = { ...find(id), properties: { ...find(id).properties, ...set } };
        images.set(id, changed);
        return changed;
      },
      delete: async (_session, id) => {
        find(id);
        images.delete(id);
      },
      upload: async (_session, id, data) => {
        if (find(id).status !== 'queued') throw conflict(`Image ${id} has data already.`);
        const size = Buffer.concat(await data.toArray()).length;
        images.set(id, { ...find(id), status: 'active', size });
      },
    },
    queued(instanceId, properties = {}) {
      const image: Image = sampleImage({
        id: randomIds.uuid(),
        name: 'of a server',
        status: 'queued',
        visibility: 'private',
        owner: 'p1',
        size: null,
        createdAt: '',
        updatedAt: '',
        properties: { image_type: 'snapshot', instance_uuid: instanceId, ...properties },
      });
      images.set(image.id, image);
      return image;
    },
    of: (instanceId) =>
      [...images.values()].flatMap(({ status, properties }) => (properties['instance_uuid'] === instanceId ? [status] : [])),
  };
}

import { pass, reject, type HostFilter } from './filter.ts';

/** Keeps isolated images on isolated hosts, and others off them where that is restricted. */
export const isolatedHostsFilter: HostFilter = {
  name: 'IsolatedHostsFilter',
  once: true,
  onRebuild: true,
  concerns: ({ settings }) => settings.filter_scheduler.isolated_hosts.length > 0 || settings.filter_scheduler.isolated_images.length > 0,
  check({ host }, { spec, settings }) {
    const {
      isolated_hosts: hosts,
      isolated_images: images,
      restrict_isolated_hosts_to_isolated_images: restrict,
    } = settings.filter_scheduler;
    const isolatedHost = hosts.includes(host);
    const isolatedImage = spec.image !== null && images.includes(spec.image.id);
    if (isolatedImage && !isolatedHost) return reject('not isolated, as the image must be', 'it is no isolated host');
    return restrict && isolatedHost && !isolatedImage ? reject('kept for isolated images', 'it is an isolated host') : pass;
  },
};

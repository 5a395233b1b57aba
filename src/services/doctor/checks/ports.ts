import { createServer } from 'node:net';
import { readSettings } from '../../../config/index.ts';
import { good, warning, type Check } from '../check.ts';

const { DEFAULT, kilonova } = readSettings('').settings;

/** The ports of a cloud that was told nothing else. One that is taken is in nobody's way: another may be chosen. */
const services = [
  { name: 'identity', port: kilonova.identity_port },
  { name: 'compute', port: DEFAULT.osapi_compute_listen_port },
  { name: 'metadata', port: DEFAULT.metadata_listen_port },
  { name: 'placement', port: kilonova.placement_port },
  { name: 'image', port: kilonova.image_port },
  { name: 'network', port: kilonova.network_port },
  { name: 'volume', port: kilonova.volume_port },
];

export const portChecks: readonly Check[] = services.map(({ name, port }) => ({
  id: `port-${port}`,
  about: `Port ${port} (${name})`,
  neededFor: [],
  look: async () =>
    (await isFree(kilonova.listen, port))
      ? good('free')
      : warning(
          'taken, perhaps by a cloud that runs',
          `ss -ltnp 'sport = :${port}'   shows by whom; others are chosen by ./kilonova up --port-base N`,
        ),
}));

function isFree(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}

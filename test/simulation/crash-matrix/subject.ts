import { messageOf } from '../../../src/lib/errors.ts';
import type { Administrator, Server } from '../administrator.ts';
import type { OperationName, Stage } from './cells.ts';

/** The server that operations work on, with the volume that is plugged into it. */
export interface Subject {
  readonly serverId: string | null;
  readonly volumeId: string;
  readonly flavors: readonly [string, string];
}

/** What a user sees of it. */
export interface Seen {
  readonly stage: Stage | 'error' | 'busy';
  readonly server: Server | null;
  readonly volume: string;
}

const post = async (admin: Administrator, type: string, path: string, body: unknown, headers = {}): Promise<{ readonly id: string }> => {
  const { status, json } = await admin.ask<Record<string, { readonly id: string }> | null>(type, 'POST', path, body, headers);
  if (status < 200 || status > 299) throw new Error(`POST ${path} was answered with ${status}: ${JSON.stringify(json)}`);
  return Object.values(json ?? {})[0] ?? { id: '' };
};

/** Two flavors, a volume and an image whose guests are given little time to shut down. */
export async function makeSubject(admin: Administrator): Promise<Subject> {
  const flavors = await Promise.all(
    [192, 256].map((ram) => post(admin, 'compute', '/flavors', { flavor: { name: `crash-${ram}`, ram, vcpus: 1, disk: 1 } })),
  );
  const { status, json } = await admin.ask(
    'image',
    'PATCH',
    `/v2/images/${admin.imageId}`,
    [{ op: 'add', path: '/os_shutdown_timeout', value: '5' }],
    {
      'content-type': 'application/openstack-images-v2.1-json-patch',
    },
  );
  if (status !== 200) throw new Error(`the image cannot be changed: ${JSON.stringify(json)}`);
  const volume = await post(admin, 'volumev3', `/volumes`, { volume: { size: 1, name: 'crash' } });
  return { serverId: null, volumeId: volume.id, flavors: [flavors[0]!.id, flavors[1]!.id] };
}

export async function createServer(admin: Administrator, name: string, flavorId: string): Promise<string> {
  const wanted = { name, imageRef: admin.imageId, flavorRef: flavorId, networks: [{ uuid: admin.networkId }] };
  return (await post(admin, 'compute', '/servers', { server: wanted })).id;
}

/** Asks for an operation; answers the subject as it is from now on. */
export async function ask(admin: Administrator, name: OperationName, subject: Subject): Promise<Subject> {
  const { serverId, volumeId, flavors } = subject;
  if (name === 'build') return { ...subject, serverId: await createServer(admin, 'subject', flavors[0]) };
  const server = `/servers/${serverId}`;
  const act = (body: object): Promise<unknown> => post(admin, 'compute', `${server}/action`, body);
  switch (name) {
    case 'resize': {
      const { json } = await admin.ask<{ server: { flavor: { original_name: string } } }>('compute', 'GET', server);
      await act({ resize: { flavorRef: json.server.flavor.original_name === 'crash-192' ? flavors[1] : flavors[0] } });
      return subject;
    }
    case 'confirm':
      await act({ confirmResize: null });
      return subject;
    case 'revert':
      await act({ revertResize: null });
      return subject;
    case 'rebuild':
      await act({ rebuild: { imageRef: admin.imageId } });
      return subject;
    case 'attach':
      await post(admin, 'compute', `${server}/os-volume_attachments`, { volumeAttachment: { volumeId } });
      return subject;
    case 'detach':
    case 'delete':
    default: {
      const path = name === 'detach' ? `${server}/os-volume_attachments/${volumeId}` : server;
      const { status, json } = await admin.ask('compute', 'DELETE', path);
      if (status !== 202 && status !== 204) throw new Error(`DELETE ${path} was answered with ${status}: ${JSON.stringify(json)}`);
      return subject;
    }
  }
}

/** Looks at the server and its volume as a user does; throws while the cloud does not answer. */
export async function look(admin: Administrator, { serverId, volumeId }: Subject): Promise<Seen> {
  const server = serverId === null ? null : ((await admin.servers()).find(({ id }) => id === serverId) ?? null);
  const { status, json } = await admin.ask<{ volume: { status: string } }>('volumev3', 'GET', `/volumes/${volumeId}`);
  if (status !== 200) throw new Error(`the volume service answers ${status}`);
  const volume = json.volume.status;
  return { stage: stageOf(server, volume), server, volume };
}

function stageOf(server: Server | null, volume: string): Seen['stage'] {
  if (volume !== 'available' && volume !== 'in-use') return volume === 'error' ? 'error' : 'busy';
  if (server === null) return volume === 'available' ? 'none' : 'error';
  if (server.taskState !== null || server.status === 'BUILD') return 'busy';
  if (server.status === 'VERIFY_RESIZE') return 'resized';
  if (server.status === 'ACTIVE') return volume === 'in-use' ? 'attached' : 'active';
  return 'error';
}

/** The cloud's words on a server that is in no good state. */
export const wordsOf = ({ stage, server, volume }: Seen): string =>
  `${server === null ? 'no server' : `${server.status}, task ${server.taskState}${server.fault === null ? '' : `, fault: ${server.fault}`}`}; volume ${volume} (${stage})`;

/** Whether the guest has come so far that it takes part in unplugging. */
export async function hasBooted(admin: Administrator, serverId: string): Promise<true | null> {
  const { json } = await admin
    .ask<{ output?: string }>('compute', 'POST', `/servers/${serverId}/action`, { 'os-getConsoleOutput': {} })
    .catch((error: unknown) => ({ json: { output: messageOf(error) } }));
  return json.output?.includes('login:') === true ? true : null;
}

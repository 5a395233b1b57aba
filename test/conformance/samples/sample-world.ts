import type { CloudSession } from './cloud-session.ts';
import type { WireBody } from '../../support/wire-body.ts';

/** What the requests speak of: one of each kind of thing, made for them. */
export interface SampleWorld extends AsyncDisposable {
  readonly session: CloudSession;
  readonly imageId: string;
  readonly networkId: string;
  readonly serverId: string;
  readonly host: string;
  readonly aggregateId: number;
  readonly groupId: string;
  readonly serviceId: number;
  readonly serviceUuid: string;
  readonly hypervisorId: number;
  readonly hypervisorUuid: string;
  readonly hypervisorName: string;
  readonly actionRequestId: string;
  /** A name nothing has yet. */
  name(): string;
}

/** Makes the world in a cloud. */
export async function sampleWorld(
  session: CloudSession,
  { imageId, networkId }: { readonly imageId: string; readonly networkId: string },
): Promise<SampleWorld> {
  let names = 0;
  const name = (): string => `sample-${process.pid}-${++names}`;
  const newest = 'latest';
  const must = async (method: string, path: string, body?: unknown, version = newest): Promise<WireBody> => {
    const answer = await session.ask(method, path, { version, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const key = (await must('POST', '/os-keypairs', { keypair: { name: name() } }, '2.2')).keypair.name as string;
  const { server_group: group } = await must('POST', '/os-server-groups', {
    server_group: { name: name(), policy: 'anti-affinity', rules: { max_server_per_host: 3 } },
  });
  const { server } = await must('POST', '/servers', {
    server: {
      name: name(),
      description: 'a sample',
      imageRef: imageId,
      flavorRef: '1',
      key_name: key,
      metadata: { 'My Server Name': 'Apache1' },
      tags: ['tag1', 'tag2'],
      networks: [{ uuid: networkId, tag: 'nic1' }],
      user_data: 'ZWNobw==',
    },
    'os:scheduler_hints': { group: group.id },
  });
  const { server: shown } = await session.until(`/servers/${server.id}`, (body) => body.server?.status === 'ACTIVE');
  const host = shown['OS-EXT-SRV-ATTR:host'] as string;
  const { aggregate } = await must('POST', '/os-aggregates', { aggregate: { name: name(), availability_zone: 'nova' } });
  const other = (await must('GET', '/os-services?binary=nova-compute')).services as { id: string; host: string }[];
  await must('POST', `/os-aggregates/${aggregate.id}/action`, { add_host: { host } });
  const numbered = (await must('GET', '/os-services?binary=nova-compute', undefined, '2.1')).services as { id: number; host: string }[];
  const chosen = numbered.find((service) => service.host !== host)!;
  const hypervisors = (await must('GET', '/os-hypervisors/detail')).hypervisors as {
    id: string;
    hypervisor_hostname: string;
    service: { host: string };
  }[];
  const uuidOf = hypervisors.find(({ service }) => service.host === host);
  const numberOf = (
    (await must('GET', '/os-hypervisors/detail', undefined, '2.1')).hypervisors as { id: number; hypervisor_hostname: string }[]
  ).find(({ hypervisor_hostname: each }) => each === uuidOf!.hypervisor_hostname)!;
  const { instanceActions } = await must('GET', `/servers/${server.id}/os-instance-actions`);
  return {
    session,
    imageId,
    networkId,
    serverId: server.id,
    host,
    aggregateId: aggregate.id,
    groupId: group.id,
    serviceId: chosen.id,
    serviceUuid: other.find((service) => service.host === chosen.host)!.id,
    hypervisorId: numberOf.id,
    hypervisorUuid: uuidOf!.id,
    hypervisorName: uuidOf!.hypervisor_hostname,
    actionRequestId: instanceActions[0].request_id,
    name,
    async [Symbol.asyncDispose]() {
      await session.ask('DELETE', `/servers/${server.id}`);
      await session.ask('POST', `/os-aggregates/${aggregate.id}/action`, { body: { remove_host: { host } } });
      await session.ask('DELETE', `/os-aggregates/${aggregate.id}`);
      await session.ask('DELETE', `/os-server-groups/${group.id}`);
      await session.ask('DELETE', `/os-keypairs/${key}`);
    },
  };
}

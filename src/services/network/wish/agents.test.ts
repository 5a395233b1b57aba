import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostReport, HostWish } from '../../../contracts/network-agent.ts';
import { systemClock } from '../../../lib/clock.ts';
import { waitUntil } from '../../../lib/retry.ts';
import { testNetworkService, type TestNetworkService } from '../test-support/network-service.ts';

interface ToldEvent {
  readonly name: string;
  readonly server_uuid: string;
  readonly tag: string;
  readonly status: string;
}

const told: ToldEvent[] = [];
let refusals = 1;
/** A compute service that is busy at first and then takes what it is told. */
const compute = createServer((request, response) => {
  let text = '';
  request.on('data', (chunk: Buffer) => (text += chunk.toString()));
  request.on('end', () => {
    if (request.url !== '/v2.1/os-server-external-events' || request.headers['x-auth-token'] !== 'services.service')
      response.statusCode = 404;
    else if (refusals-- > 0) response.statusCode = 503;
    else {
      const body: { readonly events: readonly ToldEvent[] } = JSON.parse(text);
      told.push(...body.events);
    }
    response.setHeader('content-type', 'application/json');
    response.end('{}');
  });
});

let net: TestNetworkService;
let network: string;
const server = '11111111-2222-4333-8444-555555555555';

beforeAll(async () => {
  await new Promise<void>((resolve) => compute.listen(0, '127.0.0.1', resolve));
  const address = compute.address();
  net = await testNetworkService({
    dataPlane: 'linux-bridge',
    computeUrl: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/v2.1`,
  });
  network = (await net.make('alpha.member', 'networks', { network: {} })).id;
  await net.make('alpha.member', 'subnets', { subnet: { network_id: network, ip_version: 4, cidr: '10.0.0.0/24' } });
});
afterAll(async () => {
  await net[Symbol.asyncDispose]();
  await new Promise((resolve) => compute.close(resolve));
});

const wishOf = async (host: string, after = -1): Promise<HostWish> =>
  (await net.ask('x.service', 'GET', `/kilonova/v1/agents/${host}/wish?after=${after}`)).body;
const report = (host: string, wish: HostWish, wiredPortIds: readonly string[], more: Partial<HostReport> = {}) =>
  net.ask('x.service', 'PUT', `/kilonova/v1/agents/${host}/report`, {
    revision: wish.revision,
    wiredPortIds,
    problems: [],
    agent: { configurations: {} },
    ...more,
  });
const portNow = async (id: string) => (await net.ask('admin.admin', 'GET', `ports/${id}`)).body.port;
const until = <T>(what: string, probe: () => Promise<T | null>): Promise<T> =>
  waitUntil(probe, { clock: systemClock, timeoutMs: 20_000, everyMs: 50, what });
const newPort = (host: string) =>
  net.make('nova.service', 'ports', {
    port: { network_id: network, project_id: 'alpha', device_id: server, device_owner: 'compute:nova', 'binding:host_id': host },
  });

describe('an agent', () => {
  it('must be a service', async () => {
    expect((await net.ask('alpha.member', 'GET', '/kilonova/v1/agents/h1/wish?after=0')).status).toBe(403);
    expect((await net.ask(null, 'GET', '/kilonova/v1/agents/h1/wish?after=0')).status).toBe(401);
    expect((await net.ask('x.service', 'GET', '/kilonova/v1/agents/h1%0a/wish?after=0')).status).toBe(400);
  });

  it('that is not there leaves a port unbound, and binds it when it comes', async () => {
    const port = await newPort('h9');
    expect([port.status, port['binding:vif_type']]).toEqual(['DOWN', 'binding_failed']);
    await wishOf('h9');
    const again = await net.ask('nova.service', 'PUT', `ports/${port.id}`, { port: { 'binding:host_id': 'h9' } });
    expect(again.body.port['binding:vif_type']).toBe('bridge');
    expect((await net.ask('admin.admin', 'GET', 'agents?host=h9')).body.agents[0]).toMatchObject({
      host: 'h9',
      alive: true,
      admin_state_up: true,
    });
  });

  it('is told of a port at once, wires it, and compute hears of it', { timeout: 40_000 }, async () => {
    const first = await until('the host serves the network', async () => {
      const wish = await wishOf('h1');
      await net.service.deps.placing.runNow();
      return wish;
    });
    const waiting = wishOf('h1', first.revision);
    const port = await newPort('h1');
    let wish = await waiting;
    while (!wish.ports.some(({ id }) => id === port.id)) wish = await wishOf('h1', wish.revision);
    expect(wish.ports.find(({ id }) => id === port.id)).toEqual({
      id: port.id,
      networkId: network,
      device: `tap${port.id.slice(0, 11)}`,
      macAddress: port.mac_address,
      ipAddresses: [port.fixed_ips[0].ip_address],
      allowedAddressPairs: [],
      portSecurityEnabled: true,
      securityGroupIds: port.security_groups,
      adminStateUp: true,
    });

    await report('h1', wish, [port.id]);
    expect((await portNow(port.id)).status).toBe('ACTIVE');
    await until('compute is told', async () => told.find((event) => event.tag === port.id && event.name === 'network-vif-plugged') ?? null);
    await report('h1', wish, []);
    expect((await portNow(port.id)).status).toBe('DOWN');
    await net.ask('nova.service', 'DELETE', `ports/${port.id}`);
    await until(
      'compute is told of the end',
      async () => told.find((event) => event.tag === port.id && event.name === 'network-vif-deleted') ?? null,
    );
    expect(told.filter((event) => event.tag === port.id)).toEqual(
      ['network-vif-plugged', 'network-vif-unplugged', 'network-vif-deleted'].map((name) => ({
        name,
        server_uuid: server,
        tag: port.id,
        status: 'completed',
      })),
    );
  });

  it('serves the network’s addresses: one agent, with all of them', { timeout: 40_000 }, async () => {
    await net.service.deps.placing.runNow();
    const wishes = await Promise.all(['h1', 'h9'].map((host) => wishOf(host)));
    const serving = wishes.flatMap((wish) => wish.networks.filter((each) => each.id === network && each.dhcp !== null));
    expect(serving.length).toBe(1);
    const port = await newPort('h9');
    const [lease] = await until('the lease is wished', async () => {
      const found = (await Promise.all(['h1', 'h9'].map((host) => wishOf(host)))).flatMap((wish) =>
        wish.networks.flatMap((each) => each.leases.filter(({ portId }) => portId === port.id)),
      );
      return found.length === 0 ? null : found;
    });
    expect(lease).toMatchObject({
      macAddress: port.mac_address,
      ipAddress: port.fixed_ips[0].ip_address,
      deviceId: server,
      projectId: 'alpha',
    });
  });

  it('does not hear of what does not concern it', async () => {
    await wishOf('h7');
    await net.service.deps.placing.runNow();
    const before = await wishOf('h7');
    await newPort('h1');
    await until('h1 has it', async () => ((await wishOf('h1')).ports.length > 0 ? true : null));
    expect((await wishOf('h7')).revision).toBe(before.revision);
  });

  it('hears of a rule that concerns its ports, and of the others’ tunnels', { timeout: 40_000 }, async () => {
    const port = await newPort('h1');
    const [group] = port.security_groups;
    const has = async () => {
      const wish = await wishOf('h1');
      return wish.ports.some(({ id }) => id === port.id) ? wish : null;
    };
    const before = await until('h1 has the port', has);
    const rule = await net.make('alpha.member', 'security-group-rules', {
      security_group_rule: { security_group_id: group, direction: 'ingress', protocol: 'tcp', port_range_min: 80, port_range_max: 81 },
    });
    await until('h1 has the rule', async () => {
      const wish = await wishOf('h1', before.revision);
      return wish.securityGroups.some((each) => each.rules.some(({ id }) => id === rule.id)) ? wish : null;
    });
    await report('h9', await wishOf('h9'), [], { agent: { configurations: { tunneling_ip: '192.0.2.9' } } });
    const peers = await until('h1 knows the tunnel', async () => {
      const wish = await wishOf('h1');
      return (wish.peers ?? []).length > 0 ? wish.peers : null;
    });
    expect(peers).toEqual([{ host: 'h9', tunnelIp: '192.0.2.9' }]);
  });

  it('is shown, changed and forgotten by administrators only', async () => {
    expect((await net.ask('alpha.member', 'GET', 'agents')).status).toBe(403);
    const [agent] = (await net.ask('admin.admin', 'GET', 'agents?host=h7')).body.agents;
    expect(
      (await net.ask('admin.admin', 'PUT', `agents/${agent.id}`, { agent: { admin_state_up: false } })).body.agent.admin_state_up,
    ).toBe(false);
    expect((await newPort('h7'))['binding:vif_type']).toBe('binding_failed');
    expect((await net.ask('admin.admin', 'DELETE', `agents/${agent.id}`)).status).toBe(204);
    expect((await net.ask('admin.admin', 'GET', `agents/${agent.id}`)).status).toBe(404);
  });
});

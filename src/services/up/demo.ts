import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../../lib/clock.ts';
import { KilonovaError } from '../../lib/errors.ts';
import { createHttpClient, type HttpRequest } from '../../lib/http/client.ts';
import { waitUntil } from '../../lib/retry.ts';
import { adminSession } from './admin-session.ts';
import { privateKeyFile } from './openssh-key.ts';
import { writePrivately } from './state-directory.ts';
import type { RunningUp } from './up.ts';

interface ServerSeen {
  readonly id: string;
  readonly status: string;
  readonly 'OS-EXT-STS:task_state': string | null;
  readonly fault?: { readonly message: string };
  readonly addresses: Readonly<Record<string, readonly { readonly addr: string }[]>>;
}

/** Boots a server as a user would, showing each step with its time, the end of its console, and how to log in. */
export async function demo(running: RunningUp, write: (text: string) => void): Promise<void> {
  const { cloud, state } = running;
  const admin = adminSession(cloud, running.adminPassword, running.log);
  const http = createHttpClient({ service: 'demo' });
  const ask = async <T>(service: 'compute' | 'network' | 'image', path: string, request: Partial<HttpRequest> = {}): Promise<T> => {
    const base = `${cloud.endpoints[service] ?? ''}${service === 'network' ? '/v2.0' : service === 'image' ? '/v2' : ''}`;
    return (
      await http.json<T>({
        ...request,
        url: `${base}${path}`,
        headers: { 'x-auth-token': await admin.token(), 'openstack-api-version': 'compute 2.79' },
      })
    ).json;
  };
  const began = performance.now();
  let last = began;
  const tell = (what: string): void => {
    const now = performance.now();
    write(`  ${((now - began) / 1000).toFixed(1).padStart(6)} s  (+${((now - last) / 1000).toFixed(1)})  ${what}\n`);
    last = now;
  };
  write('\nBooting a server, as you would:\n');
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const keyFile = join(state.path, 'demo-key');
  const pair = privateKeyFile(publicKey, privateKey, 'kilonova-demo');
  await writePrivately(keyFile, pair.privateKey);
  const suffix = Date.now().toString(36);
  const name = `demo-${suffix}`;
  await ask('compute', '/os-keypairs', { method: 'POST', json: { keypair: { name, type: 'ssh', public_key: pair.publicKey } } });
  const [images, networks] = await Promise.all([
    ask<{ images: { id: string }[] }>('image', '/images?name=tiny'),
    ask<{ networks: { id: string; name: string; 'router:external': boolean }[] }>('network', '/networks'),
  ]);
  const inside = networks.networks.find((network) => !network['router:external']);
  const outside = networks.networks.find((network) => network['router:external']);
  // the default group lets nobody in from outside; the demo's own lets you ping it and log in
  const { security_group: group } = await ask<{ security_group: { id: string } }>('network', '/security-groups', {
    method: 'POST',
    json: { security_group: { name } },
  });
  for (const rule of [{ protocol: 'icmp' }, { protocol: 'tcp', port_range_min: 22, port_range_max: 22 }]) {
    await ask('network', '/security-group-rules', {
      method: 'POST',
      json: { security_group_rule: { security_group_id: group.id, direction: 'ingress', ethertype: 'IPv4', ...rule } },
    });
  }
  const userData = Buffer.from('#!/bin/sh\necho "Hello from the user data of $(hostname)"\n').toString('base64');
  const { server } = await ask<{ server: { id: string } }>('compute', '/servers', {
    method: 'POST',
    json: {
      server: {
        name,
        imageRef: images.images[0]?.id,
        flavorRef: '1',
        key_name: name,
        security_groups: [{ name }],
        user_data: userData,
        networks: inside === undefined ? 'none' : [{ uuid: inside.id }],
      },
    },
  });
  tell(`accepted: server ${name} (${server.id})`);
  let shown = '';
  const built = await waitUntil(
    async () => {
      const { server: now } = await ask<{ server: ServerSeen }>('compute', `/servers/${server.id}`);
      const state_ = `${now.status}${now['OS-EXT-STS:task_state'] === null ? '' : ` (${now['OS-EXT-STS:task_state']})`}`;
      if (state_ !== shown) tell((shown = state_));
      return now.status === 'ACTIVE' || now.status === 'ERROR' ? now : null;
    },
    { clock: systemClock, timeoutMs: 300_000, everyMs: 100, what: 'The build of the demo server' },
  );
  if (built.status === 'ERROR')
    throw new KilonovaError('internal', `The demo server could not be built: ${built.fault?.message ?? 'no reason was given'}`);
  const address = await reachable();
  const console_ = await waitUntil(
    async () => {
      const { output } = await ask<{ output: string }>('compute', `/servers/${server.id}/action`, {
        method: 'POST',
        json: { 'os-getConsoleOutput': { length: 200 } },
      });
      return running.cloud.agent === null || /login:\s*$/.test(output.trimEnd()) ? output : null;
    },
    { clock: systemClock, timeoutMs: 180_000, everyMs: 500, what: 'A login prompt on the console' },
  );
  tell('login prompt on the console');
  const lines = console_.replaceAll('\r', '').trimEnd().split('\n').slice(-15);
  write(`\nThe end of its console:\n${lines.map((line) => `  │ ${line.trimEnd()}`).join('\n')}\n`);
  if (address !== null) write(`\nLog in with:\n  ssh -i ${keyFile} -o StrictHostKeyChecking=no root@${address}\n`);
  write(`\nDelete it with:\n  openstack server delete ${name}\n`);
  await http.close();

  /** A floating IP on the server's port, where there is an outside. */
  async function reachable(): Promise<string | null> {
    if (outside === undefined || inside === undefined || cloud.agent === null) return null; // pretended guests answer nobody
    const { ports } = await ask<{ ports: { id: string }[] }>('network', `/ports?device_id=${server.id}`);
    const { floatingip } = await ask<{ floatingip: { floating_ip_address: string } }>('network', '/floatingips', {
      method: 'POST',
      json: { floatingip: { floating_network_id: outside.id, port_id: ports[0]?.id } },
    });
    tell(`floating IP ${floatingip.floating_ip_address}`);
    return floatingip.floating_ip_address;
  }
}

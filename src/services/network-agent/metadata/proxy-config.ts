import { metadataAddress } from '../links/desired-host.ts';

/** Headers that say who asks; a guest's own are thrown away. */
export const networkHeader = 'X-Kilonova-Network-ID';
export const strippedHeaders = [
  'X-Forwarded-For',
  'X-Instance-ID',
  'X-Instance-ID-Signature',
  'X-Tenant-ID',
  'X-Metadata-Provider',
  'X-Metadata-Provider-Signature',
  'X-Neutron-Network-ID',
  'X-Neutron-Router-ID',
  networkHeader,
];

/** HAProxy in a network's namespace: tells the agent which address of which network asks, by its unix socket. */
export function proxyConfig({
  networkId,
  socketPath,
  user,
}: {
  readonly networkId: string;
  readonly socketPath: string;
  readonly user: string;
}): string {
  return [
    'global',
    `  user ${user}`,
    '  maxconn 256',
    '  nbthread 1',
    '',
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 30s',
    '  timeout server 60s',
    '  timeout http-request 10s',
    '  timeout http-keep-alive 10s',
    '',
    'listen metadata',
    `  bind ${metadataAddress}:80`,
    '  stick-table type ip size 64k expire 10s store http_req_rate(10s)',
    '  http-request track-sc0 src',
    '  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000 }',
    ...strippedHeaders.map((name) => `  http-request del-header ${name}`),
    '  http-request set-header X-Forwarded-For %[src]',
    `  http-request set-header ${networkHeader} ${networkId}`,
    `  server agent unix@${socketPath}`,
    '',
  ].join('\n');
}

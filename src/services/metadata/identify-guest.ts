import { createHmac, timingSafeEqual } from 'node:crypto';
import type { InstanceMetadata } from '../../domain/metadata/instance-metadata.ts';
import { forbidden, invalid } from '../../lib/errors.ts';
import { isUuid } from '../../lib/ids.ts';
import type { MetadataSource } from './metadata-source.ts';

export interface ProxySettings {
  /** Whether the signed headers of the network service's proxy say who asks. */
  readonly trustsProxy: boolean;
  readonly sharedSecret: string;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Who asks, and how to find its metadata. */
export interface Guest {
  /** Tells guests apart in the cache; what nobody vouched for never becomes part of it. */
  readonly key: string;
  /** Stands for the guest's own address where its instance has none. */
  readonly address: string;
  /** Null for 404. */
  find(): Promise<InstanceMetadata | null>;
  /** Whether what was found, now or earlier, is the guest's own: asked at every request. */
  owns(metadata: InstanceMetadata): boolean;
}

/** Whether `signature` is the HMAC of `text`, compared in constant time. */
function isSigned(text: string, signature: string, secret: string): boolean {
  const expected = Buffer.from(createHmac('sha256', secret).update(text).digest('hex'));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const badSignature = () => forbidden('Invalid proxy request signature.');

function text(headers: Headers, name: string): string | null {
  const value = headers[name.toLowerCase()];
  return typeof value === 'string' && value !== '' ? value : null;
}

function required(headers: Headers, name: string): string {
  const value = text(headers, name);
  if (value === null) throw invalid(`${name} header is missing from request.`);
  return value;
}

/** Who asks: by the proxy's signed headers, by a load balancer's, or by the address of the connection. Throws what refuses the request. */
export function identifyGuest(headers: Headers, remoteAddress: string, source: MetadataSource, settings: ProxySettings): Guest {
  if (!settings.trustsProxy) {
    const address = plainAddress(remoteAddress);
    return { key: `address ${address}`, address, find: () => source.byAddress(address), owns: () => true };
  }
  return text(headers, 'X-Metadata-Provider') === null
    ? throughProxy(headers, remoteAddress, source, settings)
    : throughLoadBalancer(headers, source, settings);
}

function throughProxy(headers: Headers, remoteAddress: string, source: MetadataSource, { sharedSecret }: ProxySettings): Guest {
  const instanceId = required(headers, 'X-Instance-ID');
  const signature = required(headers, 'X-Instance-ID-Signature');
  const projectId = required(headers, 'X-Tenant-ID');
  if (!isSigned(instanceId, signature, sharedSecret)) throw badSignature();
  return {
    key: `instance ${instanceId}`,
    address: text(headers, 'X-Forwarded-For') ?? plainAddress(remoteAddress),
    find: async () => (isUuid(instanceId) ? source.byInstanceId(instanceId) : null),
    // the signature covers the instance only, so the project is judged by what the instance says
    owns: (metadata) => metadata.projectId === projectId,
  };
}

function throughLoadBalancer(headers: Headers, source: MetadataSource, { sharedSecret }: ProxySettings): Guest {
  const provider = required(headers, 'X-Metadata-Provider');
  const [address = ''] = required(headers, 'X-Forwarded-For').split(',');
  if (sharedSecret !== '' && !isSigned(provider, text(headers, 'X-Metadata-Provider-Signature') ?? '', sharedSecret)) throw badSignature();
  const guest = address.trim();
  return {
    key: `provider ${provider} ${guest}`,
    address: guest,
    async find() {
      const metadata = (await source.byProviderAddress?.(provider, guest)) ?? null;
      if (metadata === null) throw invalid(`The address ${guest} is not that of exactly one port of provider ${provider}.`);
      return metadata;
    },
    owns: () => true,
  };
}

/** An IPv4 address as it is, also where the socket speaks IPv6; a link-local one without its zone. */
const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '').replace(/%.*$/, '');

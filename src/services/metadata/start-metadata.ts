import { randomBytes } from 'node:crypto';
import { createVendorDataClient, type VendorDataClient } from '../../clients/vendor-data-http.ts';
import type { Settings } from '../../config/index.ts';
import type { InstanceMetadata } from '../../domain/metadata/instance-metadata.ts';
import { metadataSegments, renderMetadata, versionList } from '../../domain/metadata/render-metadata.ts';
import { maxPasswordLength } from '../../domain/metadata/stored-password.ts';
import type { Clock } from '../../lib/clock.ts';
import { conflict, invalid, notFound } from '../../lib/errors.ts';
import { Reply, routeFactory, type AnyRoute, type Method, type RequestContext } from '../../lib/http/route.ts';
import { createService, listen } from '../../lib/http/service.ts';
import type { Log } from '../../lib/log.ts';
import { createPolicy } from '../../lib/policy/policy.ts';
import { metadataFaults } from './faults.ts';
import { identifyGuest } from './identify-guest.ts';
import { createMetadataCache, type MetadataCache } from './metadata-cache.ts';
import type { MetadataSource } from './metadata-source.ts';

export interface MetadataServiceDeps {
  readonly source: MetadataSource;
  readonly settings: Pick<Settings, 'api' | 'neutron'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly host: string;
  readonly port: number;
}

export interface MetadataService extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

interface HandlerDeps extends Pick<MetadataServiceDeps, 'source' | 'settings' | 'clock' | 'log'> {
  readonly cache: MetadataCache;
  /** Null where no services are asked. */
  readonly vendorData: VendorDataClient | null;
  /** What they answered for metadata that is still kept. */
  readonly answered: WeakMap<InstanceMetadata, Promise<InstanceMetadata>>;
}

/** Answers any path of any method: the path alone says what is asked, the connection or the proxy's headers who asks. */
async function answer(deps: HandlerDeps, ctx: RequestContext, body: unknown): Promise<Reply> {
  const segments = metadataSegments(ctx.path);
  if (segments.length === 0) return show(versionList()); // without knowing who: proxies look here whether we live
  const { neutron } = deps.settings;
  if (!neutron.service_metadata_proxy && ctx.headers['x-instance-id'] !== undefined) {
    deps.log.warn({ remoteAddress: ctx.remoteAddress }, 'X-Instance-ID ignored: service_metadata_proxy is off');
  }
  const guest = identifyGuest(ctx.headers, ctx.remoteAddress, deps.source, {
    trustsProxy: neutron.service_metadata_proxy,
    sharedSecret: neutron.metadata_proxy_shared_secret,
  });
  const isPassword = segments[0] === 'openstack' && segments[2] === 'password';
  if (isPassword) deps.cache.forget(guest.key); // whether there is one must not be told from memory
  const metadata = await deps.cache.find(guest.key, () => guest.find());
  if (metadata === null || !guest.owns(metadata)) throw notFound('The resource could not be found.');
  const known = segments.at(-1) === 'vendor_data2.json' ? await withVendorData(deps, metadata) : metadata;
  const rendered = renderMetadata(known, ctx.path, {
    requestAddress: guest.address,
    randomSeed: () => randomBytes(512),
    now: deps.clock.now(),
  });
  if (rendered === null) throw notFound('The resource could not be found.');
  if (isPassword && ctx.method !== 'GET') {
    await takePassword(deps, ctx.method, metadata.instanceId, metadata.password, body);
    deps.cache.forget(guest.key);
    return new Reply(200, '', { 'content-type': 'text/plain' });
  }
  return show(rendered);
}

/** Metadata with what the operator's services say of the guest; they are asked when somebody wants to know, and not again while the metadata is kept. */
function withVendorData({ vendorData, answered }: HandlerDeps, metadata: InstanceMetadata): Promise<InstanceMetadata> {
  if (vendorData === null) return Promise.resolve(metadata);
  const known = answered.get(metadata);
  if (known !== undefined) return known;
  const asked = vendorData
    .ask({
      'project-id': metadata.projectId,
      'instance-id': metadata.instanceId,
      'image-id': metadata.imageId ?? null,
      'user-data': metadata.userData,
      hostname: metadata.hostname,
      metadata: metadata.metadata,
      'boot-roles': '',
    })
    .then((dynamic) => ({ ...metadata, vendorData: { ...metadata.vendorData, dynamic } }));
  answered.set(metadata, asked);
  asked.catch(() => answered.delete(metadata));
  return asked;
}

async function takePassword({ source }: HandlerDeps, method: string, instanceId: string, stored: string, body: unknown): Promise<void> {
  if (method !== 'POST') throw invalid('GET and POST only are supported.');
  const password = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  if (password.length > maxPasswordLength) throw invalid('Request is too large.');
  if (stored !== '') throw conflict('There is a password already.');
  const text = password.toString('latin1');
  if (/[^\x20-\x7e\r\n\t]/.test(text)) throw invalid('A password must be text.');
  await source.savePassword(instanceId, text);
}

const show = ({ contentType, body }: { readonly contentType: string; readonly body: string | Buffer }): Reply =>
  new Reply(200, Buffer.from(body), { 'content-type': contentType });

const metadataRoute = routeFactory<HandlerDeps, never>();
const methods: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const routes: readonly AnyRoute<HandlerDeps>[] = methods.map((method) =>
  metadataRoute({
    method,
    path: '/*',
    summary: 'Read metadata',
    policy: 'public',
    body: 'any',
    reply: { status: 200 },
    handle: ({ ctx, body, deps }) => answer(deps, ctx, body),
  }),
);

/** Starts the metadata service (nova-api-metadata), which guests ask at 169.254.169.254 through the network's proxy. */
export async function startMetadata(given: MetadataServiceDeps): Promise<MetadataService> {
  const { source, settings, clock, log, host } = given;
  const { api } = settings;
  const vendorData =
    api.vendordata_providers.includes('DynamicJSON') && api.vendordata_dynamic_targets.length > 0
      ? createVendorDataClient({
          targets: api.vendordata_dynamic_targets,
          certificates: api.vendordata_dynamic_ssl_certfile,
          connectSeconds: api.vendordata_dynamic_connect_timeout,
          readSeconds: api.vendordata_dynamic_read_timeout,
          failureIsFatal: api.vendordata_dynamic_failure_fatal,
          log,
        })
      : null;
  const app = createService<HandlerDeps>({
    name: 'metadata',
    routes,
    faults: metadataFaults,
    policy: createPolicy({}),
    authenticate: async () => null,
    deps: {
      source,
      settings,
      clock,
      log,
      cache: createMetadataCache(clock, settings.api.metadata_cache_expiration),
      vendorData,
      answered: new WeakMap(),
    },
    log,
    maxBodyBytes: 65_536,
    requestIdHeaders: [],
  });
  const port = await listen(app, { host, port: given.port });
  const stop = async (): Promise<void> => {
    await app.close();
    await vendorData?.close();
  };
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`, port, stop, [Symbol.asyncDispose]: stop };
}

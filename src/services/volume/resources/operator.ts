import { notFound } from '../../../lib/errors.ts';
import { isTruthy } from '../../../lib/http/query.ts';
import type { AnyRoute, RequestContext } from '../../../lib/http/route.ts';
import { nowOf, ofVolume, volumeRoute, type VolumeDeps } from '../deps.ts';
import type { VolumeRecord } from '../records.ts';

async function pools(deps: VolumeDeps, ctx: RequestContext): Promise<Record<string, unknown>> {
  const name = `${deps.host}@kilonova#kilonova`;
  if (!isTruthy(new URLSearchParams(ctx.rawQuery).get('detail') ?? undefined)) return { pools: [{ name }] };
  const { totalBytes, freeBytes } = await deps.backend.capacity();
  const gib = (bytes: number): number => Math.floor((bytes / 1024 ** 3) * 100) / 100;
  const capabilities = {
    pool_name: 'kilonova',
    volume_backend_name: 'kilonova',
    storage_protocol: 'nbd',
    vendor_name: 'Kilonova',
    driver_version: '1.0',
    total_capacity_gb: gib(totalBytes),
    free_capacity_gb: gib(freeBytes),
    reserved_percentage: 0,
    thin_provisioning_support: true,
    multiattach: true,
    QoS_support: false,
    timestamp: nowOf(deps).toISOString(),
  };
  return { pools: [{ name, capabilities }] };
}

const service = ({ host, settings }: VolumeDeps, binary: string, now: Date) => ({
  binary,
  host: binary === 'cinder-volume' ? `${host}@kilonova` : host,
  zone: settings.availabilityZone,
  status: 'enabled',
  state: 'up',
  updated_at: now.toISOString().replace('Z', '000'),
  disabled_reason: null,
});

const encryptionOf = ({ encryption, encryptionKeyId }: VolumeRecord): Readonly<Record<string, unknown>> =>
  encryption === null || encryptionKeyId === null
    ? { encryption_key_id: null }
    : {
        encryption_key_id: encryptionKeyId,
        control_location: encryption.controlLocation,
        cipher: encryption.cipher,
        key_size: encryption.keySize,
        provider: encryption.provider,
      };

/** What operators and compute look at. */
export const operatorRoutes: readonly AnyRoute<VolumeDeps>[] = [
  volumeRoute({
    method: 'GET',
    path: '/os-availability-zone',
    summary: 'List availability zones',
    policy: 'volume:availability_zone_list',
    reply: { status: 200 },
    handle: ({ deps }) => ({ availabilityZoneInfo: [{ zoneName: deps.settings.availabilityZone, zoneState: { available: true } }] }),
  }),
  volumeRoute({
    method: 'GET',
    path: '/os-services',
    summary: 'List services',
    policy: 'volume_extension:services:index',
    reply: { status: 200 },
    handle({ ctx, deps }) {
      const query = new URLSearchParams(ctx.rawQuery);
      const wanted = (row: ReturnType<typeof service>): boolean =>
        (query.get('binary') ?? row.binary) === row.binary && (query.get('host') ?? row.host) === row.host;
      return { services: ['cinder-scheduler', 'cinder-volume'].map((binary) => service(deps, binary, nowOf(deps))).filter(wanted) };
    },
  }),
  volumeRoute({
    method: 'GET',
    path: '/scheduler-stats/get_pools',
    summary: 'List pools',
    policy: 'scheduler_extension:scheduler_stats:get_pools',
    reply: { status: 200 },
    handle: ({ ctx, deps }) => pools(deps, ctx),
  }),
  volumeRoute({
    method: 'GET',
    path: '/volumes/:volumeId/encryption',
    summary: 'Show how a volume is encrypted',
    policy: 'volume_extension:volume_encryption_metadata',
    ...ofVolume,
    reply: { status: 200 },
    handle: ({ loaded }) => ({ volume_id: loaded.id, ...encryptionOf(loaded) }),
  }),
  volumeRoute({
    method: 'GET',
    path: '/volumes/:volumeId/encryption/:key',
    summary: 'Show one thing of how a volume is encrypted',
    policy: 'volume_extension:volume_encryption_metadata',
    ...ofVolume,
    reply: { status: 200 },
    handle({ loaded, params }) {
      const shown = encryptionOf(loaded);
      if (!Object.hasOwn(shown, params.key)) throw notFound('The resource could not be found.');
      return String(shown[params.key] ?? '');
    },
  }),
];

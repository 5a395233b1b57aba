import Type from 'typebox';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import type { ServiceRecord } from '../../../../store/services.ts';
import { microseconds } from '../../dates.ts';

/** A service with what its representation needs beside its record. */
export interface ServiceDetail {
  readonly service: ServiceRecord;
  readonly zone: string;
  readonly up: boolean;
}

const Text = Type.String();

export const serviceView = versionedView<ServiceDetail>('Service', {
  id: [
    { until: '2.52', type: Type.Integer(), get: (d) => d.service.id },
    { since: '2.53', type: Text, get: (d) => d.service.uuid },
  ],
  binary: { type: Text, get: (d) => d.service.binary },
  host: { type: Text, get: (d) => d.service.host },
  zone: { type: Text, get: (d) => d.zone },
  status: { type: Type.Enum(['enabled', 'disabled']), get: (d) => (d.service.disabled ? 'disabled' : 'enabled') },
  state: { type: Type.Enum(['up', 'down']), get: (d) => (d.up ? 'up' : 'down') },
  updated_at: { type: Text, get: (d) => microseconds(d.service.lastSeenAt ?? d.service.updatedAt ?? d.service.createdAt) },
  disabled_reason: { type: Type.Union([Text, Type.Null()]), get: (d) => d.service.disabledReason },
  forced_down: { since: '2.11', type: Type.Boolean(), get: (d) => d.service.forcedDown },
});

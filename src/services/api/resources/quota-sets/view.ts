import Type, { type TSchema } from 'typebox';
import { versionedView, type VersionedView, type ViewField } from '../../../../lib/http/versioned-view.ts';
import { quotaWindows } from './resources.ts';

/** Limits of a project or a class; without an id where it was just set. */
export interface Quotas<Value> {
  readonly id?: string;
  readonly of: Readonly<Record<string, Value>>;
}

function quotaView<Value>(title: string, kind: 'set' | 'classSet', type: TSchema): VersionedView<Quotas<Value>> {
  const resources = Object.entries(quotaWindows[kind].shown).map(([resource, window]): [string, ViewField<Quotas<Value>, never>] => [
    resource,
    { ...window, type, get: (quotas) => quotas.of[resource] },
  ]);
  return versionedView<Quotas<Value>>(title, {
    id: { type: Type.Optional(Type.String()), get: (quotas) => quotas.id },
    ...Object.fromEntries(resources),
  });
}

/** A limit with what is used of it. */
export interface QuotaUsage {
  readonly limit: number;
  readonly in_use: number;
  /** Always 0: usage is counted, never reserved. */
  readonly reserved: 0;
}

export const quotaSetView = quotaView<number>('QuotaSet', 'set', Type.Integer());
export const quotaUsageView = quotaView<QuotaUsage>(
  'QuotaSetDetail',
  'set',
  Type.Object({ limit: Type.Integer(), in_use: Type.Integer(), reserved: Type.Integer() }),
);
export const quotaClassSetView = quotaView<number>('QuotaClassSet', 'classSet', Type.Integer());

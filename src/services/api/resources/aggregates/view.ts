import Type from 'typebox';
import { versionedView } from '../../../../lib/http/versioned-view.ts';
import type { Aggregate } from '../../../../store/aggregates.ts';
import { microseconds } from '../../dates.ts';

const Text = Type.String();
const MaybeText = Type.Union([Text, Type.Null()]);

const fields = {
  id: { type: Type.Integer(), get: (aggregate: Aggregate) => aggregate.id },
  uuid: { since: '2.41', type: Text, get: (aggregate: Aggregate) => aggregate.uuid },
  name: { type: Text, get: (aggregate: Aggregate) => aggregate.name },
  availability_zone: { type: MaybeText, get: (aggregate: Aggregate) => aggregate.metadata['availability_zone'] ?? null },
  created_at: { type: Text, get: (aggregate: Aggregate) => microseconds(aggregate.createdAt) },
  updated_at: { type: MaybeText, get: (aggregate: Aggregate) => microseconds(aggregate.updatedAt) },
  deleted: { type: Type.Boolean(), get: () => false },
  deleted_at: { type: Type.Null(), get: () => null },
} as const;

/** An aggregate that was just made: it has no hosts, and its metadata is not shown. */
export const createdAggregateView = versionedView<Aggregate>('CreatedAggregate', fields);

export const aggregateView = versionedView<Aggregate>('Aggregate', {
  ...fields,
  hosts: { type: Type.Array(Text), get: (aggregate) => aggregate.hosts },
  metadata: { type: Type.Record(Text, Text), get: (aggregate) => aggregate.metadata },
});

import { Type, type TSchema } from 'typebox';
import type { ViewField, Viewer } from '../../lib/http/versioned-view.ts';

export const Text = Type.String();
export const Flag = Type.Boolean();
export const Whole = Type.Integer();
export const Texts = Type.Array(Type.String());
export const Anything = Type.Unknown();
export const OrNull = (type: TSchema): TSchema => Type.Union([type, Type.Null()]);

/** Whole seconds, as Neutron writes times. */
export const timeText = (time: string): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');

export interface StandardColumns {
  readonly id: string;
  readonly project_id: string;
  readonly description: string;
  readonly revision_number: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** The attributes that every resource shows. */
export const standardView = <Row extends StandardColumns>(): Readonly<Record<string, ViewField<Row, Viewer>>> => ({
  id: { type: Text, get: (row) => row.id },
  tenant_id: { type: Text, get: (row) => row.project_id },
  project_id: { type: Text, get: (row) => row.project_id },
  description: { type: Text, get: (row) => row.description },
  revision_number: { type: Whole, get: (row) => row.revision_number },
  created_at: { type: Text, get: (row) => timeText(row.created_at) },
  updated_at: { type: Text, get: (row) => timeText(row.updated_at) },
});

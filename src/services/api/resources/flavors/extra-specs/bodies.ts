import Type from 'typebox';
import { plainBody } from '../../../../../lib/http/versioned-body.ts';

const Key = Type.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' });
const Value = Type.Union([Type.String({ maxLength: 255 }), Type.Number()]);

/** `extra_specs` of `POST …/os-extra_specs`. */
export const CreateExtraSpecs = plainBody('CreateExtraSpecs', Type.Record(Key, Value, { additionalProperties: false }));
/** The one key of `PUT …/os-extra_specs/{key}`. */
export const UpdateExtraSpec = plainBody(
  'UpdateExtraSpec',
  Type.Record(Key, Value, { additionalProperties: false, minProperties: 1, maxProperties: 1 }),
);

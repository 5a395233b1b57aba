import Type from 'typebox';
import { plainBody, versionedBody } from '../../../../lib/http/versioned-body.ts';
import { Fqdn, Name, Uuid } from '../../schemas.ts';

const printable = String.raw`[^\p{Cc}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]`;
const ZoneName = Type.Union([
  Type.String({ minLength: 1, maxLength: 255, pattern: String.raw`^(?!\s)(?!.*:)${printable}*(?<!\s)$` }),
  Type.Null(),
]);
/** A name that may have spaces around it, which are taken off. */
const LooseName = Type.String({ minLength: 1, maxLength: 255, pattern: String.raw`^(?=.*\S)${printable}*$` });

export const CreateAggregate = versionedBody('CreateAggregate', {
  name: { required: true, type: Name },
  availability_zone: { type: ZoneName },
});
export const UpdateAggregate = versionedBody(
  'UpdateAggregate',
  { name: { type: LooseName }, availability_zone: { type: ZoneName } },
  { minProperties: 1 },
);

export const CacheImages = plainBody(
  'CacheImages',
  Type.Array(Type.Object({ id: Uuid }, { additionalProperties: false }), { minItems: 1 }),
);

const Host = Type.Object({ host: Fqdn }, { additionalProperties: false });
export const AddHost = plainBody('AddHost', Host);
export const RemoveHost = plainBody('RemoveHost', Host);
/** A null value removes its key. */
export const SetMetadata = plainBody(
  'SetMetadata',
  Type.Object(
    {
      metadata: Type.Record(
        Type.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }),
        Type.Union([Type.String({ maxLength: 255 }), Type.Null()]),
        {
          additionalProperties: false,
        },
      ),
    },
    { additionalProperties: false },
  ),
);

import Type from 'typebox';
import { invalid, notFound, conflict } from '../../../lib/errors.ts';
import type { AnyRoute } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { nowOf, volumeRoute, type VolumeDeps } from '../deps.ts';
import { readCipher, type TypeRecord } from '../records.ts';
import { Name, Nullable } from '../schemas.ts';
import { updateType } from '../store/types.ts';
import type { EncryptionSpec } from '../tables.ts';
import { ofType, refuseUsedType } from './find-type.ts';

const NewEncryption = plainBody(
  'encryption',
  Type.Object(
    {
      provider: Type.String({ minLength: 1, maxLength: 255 }),
      cipher: Type.Optional(Name),
      key_size: Type.Optional(Nullable(Type.Integer({ minimum: 0, maximum: 4096 }))),
      control_location: Type.Optional(Type.Enum(['front-end', 'back-end'])),
    },
    { additionalProperties: true },
  ),
);
const EncryptionChange = plainBody(
  'encryption',
  Type.Object(
    {
      provider: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
      cipher: Type.Optional(Name),
      key_size: Type.Optional(Nullable(Type.Integer({ minimum: 0, maximum: 4096 }))),
      control_location: Type.Optional(Type.Enum(['front-end', 'back-end'])),
    },
    { additionalProperties: true },
  ),
);

function encryptionOf(
  given: {
    readonly provider?: string;
    readonly cipher?: string | null;
    readonly key_size?: number | null;
    readonly control_location?: EncryptionSpec['controlLocation'];
  },
  before: Omit<EncryptionSpec, 'id'>,
): Omit<EncryptionSpec, 'id'> {
  const provider = given.provider === undefined ? before.provider : readProvider(given.provider);
  const cipher = given.cipher ?? before.cipher;
  const keySize = given.key_size ?? before.keySize;
  if (readCipher(cipher, keySize) === null)
    throw invalid(
      `Invalid input received: the cipher ${cipher} with keys of ${keySize} bits cannot be used; aes-xts-plain64 with 256 can.`,
    );
  const controlLocation = given.control_location ?? before.controlLocation;
  if (controlLocation !== 'front-end')
    throw invalid('Invalid input received: volumes are encrypted by the hypervisor: control_location must be front-end.');
  return { provider, cipher, keySize, controlLocation };
}

function readProvider(text: string): string {
  if (/^(luks|.*\.LuksEncryptor|LuksEncryptor)$/.test(text)) return 'luks';
  throw invalid(`Invalid input received: the encryption provider ${text.slice(0, 64)} cannot be used; luks can.`);
}

const usualEncryption: Omit<EncryptionSpec, 'id'> = {
  provider: 'luks',
  cipher: 'aes-xts-plain64',
  keySize: 256,
  controlLocation: 'front-end',
};

const encryptionView = ({ id: typeId, encryption }: TypeRecord): Record<string, unknown> =>
  encryption === null
    ? {}
    : {
        volume_type_id: typeId,
        encryption_id: encryption.id,
        provider: encryption.provider,
        cipher: encryption.cipher,
        key_size: encryption.keySize,
        control_location: encryption.controlLocation,
        deleted: false,
        deleted_at: null,
        created_at: null,
        updated_at: null,
      };

const encryptionBody = (typeId: string, { provider, cipher, keySize, controlLocation, id }: EncryptionSpec) => ({
  encryption: { volume_type_id: typeId, encryption_id: id, provider, cipher, key_size: keySize, control_location: controlLocation },
});

function heldEncryption(type: TypeRecord, id: string): EncryptionSpec {
  if (type.encryption === null || type.encryption.id !== id) throw notFound(`Volume type encryption for type ${type.id} does not exist.`);
  return type.encryption;
}

/** Routes of how the volumes of types are encrypted. */
export const typeEncryptionRoutes: readonly AnyRoute<VolumeDeps>[] = [
  volumeRoute({
    method: 'GET',
    path: '/types/:typeId/encryption',
    summary: 'Show how volumes of a type are encrypted',
    policy: 'volume_extension:volume_type_encryption:get',
    ...ofType,
    reply: { status: 200 },
    handle: ({ loaded }) => encryptionView(loaded),
  }),
  volumeRoute({
    method: 'GET',
    path: '/types/:typeId/encryption/:key',
    summary: 'Show one thing of how volumes of a type are encrypted',
    policy: 'volume_extension:volume_type_encryption:get',
    ...ofType,
    reply: { status: 200 },
    handle({ loaded, params }) {
      const shown = encryptionView(loaded);
      if (!Object.hasOwn(shown, params.key)) throw notFound('The resource could not be found.');
      return { [params.key]: shown[params.key] };
    },
  }),
  volumeRoute({
    method: 'POST',
    path: '/types/:typeId/encryption',
    summary: 'Encrypt the volumes of a type',
    policy: 'volume_extension:volume_type_encryption:create',
    ...ofType,
    body: { key: 'encryption', schema: NewEncryption },
    reply: { status: 200 },
    async handle({ loaded, body, deps }) {
      if (loaded.encryption !== null) throw conflict(`Volume type encryption for type ${loaded.id} already exists.`);
      await refuseUsedType(deps, loaded, 'Cannot create encryption specs. Volume type in use.');
      const encryption = { id: deps.ids.uuid(), ...encryptionOf(body, usualEncryption) };
      await updateType(deps.database, loaded.id, { encryption }, nowOf(deps));
      return encryptionBody(loaded.id, encryption);
    },
  }),
  volumeRoute({
    method: 'PUT',
    path: '/types/:typeId/encryption/:encryptionId',
    summary: 'Change how volumes of a type are encrypted',
    policy: 'volume_extension:volume_type_encryption:update',
    ...ofType,
    body: { key: 'encryption', schema: EncryptionChange },
    reply: { status: 200 },
    async handle({ loaded, params, body, deps }) {
      const held = heldEncryption(loaded, params.encryptionId);
      await refuseUsedType(deps, loaded, 'Cannot update encryption specs. Volume type in use.');
      const encryption = { id: held.id, ...encryptionOf(body, held) };
      await updateType(deps.database, loaded.id, { encryption }, nowOf(deps));
      return encryptionBody(loaded.id, encryption);
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/types/:typeId/encryption/:encryptionId',
    summary: 'Do not encrypt the volumes of a type any more',
    policy: 'volume_extension:volume_type_encryption:delete',
    ...ofType,
    reply: { status: 202 },
    async handle({ loaded, params, deps }) {
      heldEncryption(loaded, params.encryptionId);
      await refuseUsedType(deps, loaded, 'Cannot delete encryption specs. Volume type in use.');
      await updateType(deps.database, loaded.id, { encryption: null }, nowOf(deps));
    },
  }),
];

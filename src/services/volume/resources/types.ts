import Type from 'typebox';
import { invalid, notFound, conflict } from '../../../lib/errors.ts';
import { isTruthy } from '../../../lib/http/query.ts';
import { actionFactory, Reply, type ActionRoute, type AnyRoute, type RequestContext } from '../../../lib/http/route.ts';
import { plainBody } from '../../../lib/http/versioned-body.ts';
import { nowOf, volumeRoute, type VolumeDeps } from '../deps.ts';
import type { VolumeRule } from '../policy.ts';
import { readCipher, type TypeRecord } from '../records.ts';
import { Flag, Name, Nullable, readFlag, type Texts } from '../schemas.ts';
import {
  addTypeProject,
  deleteTypeRow,
  findType,
  insertType,
  listTypes,
  removeTypeProject,
  typeNotFound,
  typeProjects,
  updateType,
  volumesOfType,
} from '../store/types.ts';
import type { EncryptionSpec } from '../tables.ts';

const TypeName = Type.String({ minLength: 1, maxLength: 255, pattern: '\\S' });
const ExtraSpecs = Type.Record(Type.String({ pattern: '^[\\w\\-.: ]{1,255}$' }), Nullable(Type.String({ maxLength: 255 })), {
  additionalProperties: false,
  maxProperties: 128,
});
const NewType = plainBody(
  'volume_type',
  Type.Object(
    {
      name: TypeName,
      description: Type.Optional(Name),
      extra_specs: Type.Optional(Nullable(ExtraSpecs)),
      'os-volume-type-access:is_public': Type.Optional(Flag),
    },
    { additionalProperties: true },
  ),
);
const TypeChange = plainBody(
  'volume_type',
  Type.Object(
    { name: Type.Optional(Nullable(TypeName)), description: Type.Optional(Name), is_public: Type.Optional(Flag) },
    { additionalProperties: false },
  ),
);
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

/** What users need to know to choose; all else is between the operator and the service. */
const forUsers = new Set(['multiattach', 'RESKEY:availability_zones', 'replication_enabled']);

function view(type: TypeRecord, ctx: RequestContext): Record<string, unknown> {
  const extraSpecs = ctx.can('volume_extension:types_extra_specs:read_sensitive')
    ? type.extraSpecs
    : Object.fromEntries(Object.entries(type.extraSpecs).filter(([key]) => forUsers.has(key)));
  return {
    id: type.id,
    name: type.name,
    description: type.description,
    is_public: type.isPublic,
    'os-volume-type-access:is_public': type.isPublic,
    extra_specs: extraSpecs,
    ...(ctx.can('volume_extension:access_types_qos_specs_id') ? { qos_specs_id: type.qosSpecsId } : {}),
  };
}

async function visibleType(deps: VolumeDeps, ctx: RequestContext, text: string): Promise<TypeRecord> {
  const type = await findType(
    deps.database,
    text === 'default' ? deps.settings.defaultVolumeType : text,
    ctx.can('volume_extension:type_create') ? null : (ctx.caller.projectId ?? ''),
  );
  if (type === null || (type.id !== text && text !== 'default')) throw typeNotFound(text);
  return type;
}

const ofType = {
  load: ({
    params,
    ctx,
    deps,
  }: {
    readonly params: { readonly typeId: string };
    readonly ctx: RequestContext;
    readonly deps: VolumeDeps;
  }): Promise<TypeRecord> => visibleType(deps, ctx, params.typeId),
};

async function list(deps: VolumeDeps, ctx: RequestContext): Promise<Record<string, unknown>> {
  const query = new URLSearchParams(ctx.rawQuery);
  const asked = query.get('is_public')?.toLowerCase();
  const isAdmin = ctx.can('volume_extension:type_create');
  const isPublic = !isAdmin || asked === undefined || asked === 'none' ? null : isTruthy(asked);
  const types = await listTypes(deps.database, { projectId: isAdmin ? null : (ctx.caller.projectId ?? ''), isPublic });
  return { volume_types: types.map((type) => view(type, ctx)) };
}

const specsOf = (specs: Readonly<Record<string, string | null>> | null | undefined): Texts =>
  Object.fromEntries(Object.entries(specs ?? {}).map(([key, value]) => [key, value ?? '']));

async function unusedType(deps: VolumeDeps, { id }: TypeRecord, why: string): Promise<void> {
  if ((await volumesOfType(deps.database, id)) > 0) throw invalid(why);
}

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

const created = async (deps: VolumeDeps, ctx: RequestContext, id: string) => ({
  volume_type: view((await findType(deps.database, id, null))!, ctx),
});

export const typeRoutes: readonly AnyRoute<VolumeDeps>[] = [
  volumeRoute({
    method: 'GET',
    path: '/types',
    summary: 'List volume types',
    policy: 'volume_extension:type_get_all',
    reply: { status: 200 },
    handle: ({ ctx, deps }) => list(deps, ctx),
  }),
  volumeRoute({
    method: 'POST',
    path: '/types',
    summary: 'Create a volume type',
    policy: 'volume_extension:type_create',
    body: { key: 'volume_type', schema: NewType },
    reply: { status: 200 },
    async handle({ body, ctx, deps }) {
      const id = deps.ids.uuid();
      await insertType(
        deps.database,
        {
          id,
          name: body.name.trim(),
          description: body.description ?? null,
          isPublic: body['os-volume-type-access:is_public'] === undefined || readFlag(body['os-volume-type-access:is_public']),
          extraSpecs: specsOf(body.extra_specs),
        },
        nowOf(deps),
      );
      return created(deps, ctx, id);
    },
  }),
  volumeRoute({
    method: 'GET',
    path: '/types/:typeId',
    summary: 'Show a volume type',
    policy: 'volume_extension:type_get',
    ...ofType,
    reply: { status: 200 },
    handle: ({ loaded, ctx }) => ({ volume_type: view(loaded, ctx) }),
  }),
  volumeRoute({
    method: 'PUT',
    path: '/types/:typeId',
    summary: 'Change a volume type',
    policy: 'volume_extension:type_update',
    ...ofType,
    body: { key: 'volume_type', schema: TypeChange },
    reply: { status: 200 },
    async handle({ loaded, body, ctx, deps }) {
      const { name, description, is_public: isPublic } = body;
      if (name == null && description === undefined && isPublic === undefined)
        throw invalid('Specify volume type name, description, is_public or a combination thereof.');
      await updateType(
        deps.database,
        loaded.id,
        {
          ...(name == null ? {} : { name: name.trim() }),
          ...(description === undefined ? {} : { description }),
          ...(isPublic === undefined ? {} : { isPublic: readFlag(isPublic) }),
        },
        nowOf(deps),
      );
      return created(deps, ctx, loaded.id);
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/types/:typeId',
    summary: 'Delete a volume type',
    policy: 'volume_extension:type_delete',
    ...ofType,
    reply: { status: 202 },
    async handle({ loaded, deps }) {
      if (loaded.name === deps.settings.defaultVolumeType)
        throw invalid(`The volume type ${loaded.name} is the default volume type and cannot be deleted.`);
      await unusedType(deps, loaded, 'Target volume type is still in use.');
      await deleteTypeRow(deps.database, loaded.id);
    },
  }),

  volumeRoute({
    method: 'GET',
    path: '/types/:typeId/extra_specs',
    summary: 'List extra specs of a volume type',
    policy: 'volume_extension:types_extra_specs:index',
    ...ofType,
    reply: { status: 200 },
    handle: ({ loaded, ctx }) => ({ extra_specs: view(loaded, ctx)['extra_specs'] }),
  }),
  volumeRoute({
    method: 'POST',
    path: '/types/:typeId/extra_specs',
    summary: 'Add extra specs to a volume type',
    policy: 'volume_extension:types_extra_specs:create',
    ...ofType,
    body: { key: 'extra_specs', schema: plainBody('extra_specs', ExtraSpecs) },
    reply: { status: 200 },
    async handle({ loaded, body, deps }) {
      await updateType(deps.database, loaded.id, { extraSpecs: { ...loaded.extraSpecs, ...specsOf(body) } }, nowOf(deps));
      return { extra_specs: body };
    },
  }),
  volumeRoute({
    method: 'GET',
    path: '/types/:typeId/extra_specs/:key',
    summary: 'Show an extra spec of a volume type',
    policy: 'volume_extension:types_extra_specs:index',
    ...ofType,
    reply: { status: 200 },
    handle({ loaded, params, ctx }) {
      const specs = view(loaded, ctx)['extra_specs'] as Texts;
      if (!Object.hasOwn(specs, params.key))
        throw notFound(`Volume Type ${loaded.id} has no extra specs with key ${params.key.slice(0, 255)}.`);
      return { [params.key]: specs[params.key] };
    },
  }),
  volumeRoute({
    method: 'PUT',
    path: '/types/:typeId/extra_specs/:key',
    summary: 'Change an extra spec of a volume type',
    policy: 'volume_extension:types_extra_specs:update',
    ...ofType,
    body: { schema: plainBody('extra_spec', ExtraSpecs) },
    reply: { status: 200 },
    async handle({ loaded, params, body, deps }) {
      if (!Object.hasOwn(body, params.key) || Object.keys(body).length !== 1) throw invalid('Request body and URI mismatch');
      await updateType(deps.database, loaded.id, { extraSpecs: { ...loaded.extraSpecs, ...specsOf(body) } }, nowOf(deps));
      return body;
    },
  }),
  volumeRoute({
    method: 'DELETE',
    path: '/types/:typeId/extra_specs/:key',
    summary: 'Delete an extra spec of a volume type',
    policy: 'volume_extension:types_extra_specs:delete',
    ...ofType,
    reply: { status: 202 },
    async handle({ loaded, params, deps }) {
      if (!Object.hasOwn(loaded.extraSpecs, params.key))
        throw notFound(`Volume Type ${loaded.id} has no extra specs with key ${params.key.slice(0, 255)}.`);
      const extraSpecs = Object.fromEntries(Object.entries(loaded.extraSpecs).filter(([key]) => key !== params.key));
      await updateType(deps.database, loaded.id, { extraSpecs }, nowOf(deps));
    },
  }),

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
      await unusedType(deps, loaded, 'Cannot create encryption specs. Volume type in use.');
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
      await unusedType(deps, loaded, 'Cannot update encryption specs. Volume type in use.');
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
      await unusedType(deps, loaded, 'Cannot delete encryption specs. Volume type in use.');
      await updateType(deps.database, loaded.id, { encryption: null }, nowOf(deps));
    },
  }),

  volumeRoute({
    method: 'GET',
    path: '/types/:typeId/os-volume-type-access',
    summary: 'List projects that may use a private type',
    policy: 'volume_extension:volume_type_access:get_all_for_type',
    ...ofType,
    reply: { status: 200 },
    async handle({ loaded, deps }) {
      if (loaded.isPublic) throw notFound('Access list not available for public volume types.');
      const projects = await typeProjects(deps.database, loaded.id);
      return { volume_type_access: projects.map((project_id) => ({ volume_type_id: loaded.id, project_id })) };
    },
  }),
];

const action = actionFactory<VolumeDeps, VolumeRule, TypeRecord>();
const Project = (key: string) =>
  plainBody(
    key,
    Type.Object({ project: Type.String({ minLength: 1, maxLength: 36, pattern: '^[A-Za-z0-9_-]+$' }) }, { additionalProperties: false }),
  );

export const typeActions: ActionRoute<VolumeDeps, TypeRecord> = {
  path: '/types/:typeId/action',
  load: ({ params, ctx, deps }) => visibleType(deps, ctx, params['typeId'] ?? ''),
  target: () => ({}),
  actions: [
    action({
      key: 'addProjectAccess',
      summary: 'Let a project use a private type',
      policy: 'volume_extension:volume_type_access:addProjectAccess',
      body: Project('addProjectAccess'),
      reply: { status: 202 },
      async handle({ loaded, body, deps }) {
        if (loaded.isPublic) throw conflict('Type access modification is not applicable to public volume type.');
        if (!(await addTypeProject(deps.database, loaded.id, body.project)))
          throw conflict(`Volume type access for ${loaded.id} / ${body.project} combination already exists.`);
        return new Reply(202);
      },
    }),
    action({
      key: 'removeProjectAccess',
      summary: 'Take a private type from a project',
      policy: 'volume_extension:volume_type_access:removeProjectAccess',
      body: Project('removeProjectAccess'),
      reply: { status: 202 },
      async handle({ loaded, body, deps }) {
        if (loaded.isPublic) throw conflict('Type access modification is not applicable to public volume type.');
        if (!(await removeTypeProject(deps.database, loaded.id, body.project)))
          throw notFound(`Volume type access not found for ${loaded.id} / ${body.project} combination.`);
        return new Reply(202);
      },
    }),
  ],
};

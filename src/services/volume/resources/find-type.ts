import { invalid } from '../../../lib/errors.ts';
import type { RequestContext } from '../../../lib/http/route.ts';
import type { VolumeDeps } from '../deps.ts';
import type { TypeRecord } from '../records.ts';
import { findType, typeNotFound, volumesOfType } from '../store/types.ts';

/** What users need to know to choose; all else is between the operator and the service. */
const forUsers = new Set(['multiattach', 'RESKEY:availability_zones', 'replication_enabled']);

/** A type as the caller may see it. */
export function typeView(type: TypeRecord, ctx: RequestContext): Record<string, unknown> {
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

/** The type a path names, 404 for private ones of others. */
export async function visibleType(deps: VolumeDeps, ctx: RequestContext, text: string): Promise<TypeRecord> {
  const type = await findType(
    deps.database,
    text === 'default' ? deps.settings.defaultVolumeType : text,
    ctx.can('volume_extension:type_create') ? null : (ctx.caller.projectId ?? ''),
  );
  if (type === null || (type.id !== text && text !== 'default')) throw typeNotFound(text);
  return type;
}

/** The `load` of routes whose path names a type. */
export const ofType = {
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

/** Refuses, with these words, what only a type without volumes allows. */
export async function refuseUsedType(deps: VolumeDeps, { id }: TypeRecord, why: string): Promise<void> {
  if ((await volumesOfType(deps.database, id)) > 0) throw invalid(why);
}

import Type from 'typebox';
import { version } from '../../../../lib/http/microversion.ts';
import { anyText, digits, versionedQuery } from '../../../../lib/http/query.ts';
import { plainBody, versionedBody } from '../../../../lib/http/versioned-body.ts';
import { Bool, boundedInteger } from '../../schemas.ts';

const LongDescription = Type.Union([Type.String({ maxLength: 65_535 }), Type.Null()]);
const largestFactor = 3.402_82e38;

/** `flavor` of `POST /flavors`. */
export const CreateFlavor = versionedBody('CreateFlavor', {
  name: {
    required: true,
    type: Type.String({ minLength: 1, maxLength: 255, pattern: String.raw`^(?!\s)[^\p{Cc}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]*(?<!\s)$` }),
  },
  id: {
    type: Type.Union([Type.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[a-zA-Z0-9. _-]+(?<! )$' }), Type.Number(), Type.Null()]),
  },
  ram: { required: true, type: boundedInteger(1) },
  vcpus: { required: true, type: boundedInteger(1) },
  disk: { required: true, type: boundedInteger(0) },
  'OS-FLV-EXT-DATA:ephemeral': { type: boundedInteger(0) },
  swap: { type: boundedInteger(0) },
  rxtx_factor: {
    until: '2.101',
    type: Type.Union([
      Type.Number({ exclusiveMinimum: 0, maximum: largestFactor }),
      Type.String({ pattern: String.raw`^(?=.*[1-9])\d{1,38}(\.\d{1,38})?$` }),
    ]),
  },
  'os-flavor-access:is_public': { type: Bool },
  description: { since: '2.55', type: LongDescription },
});

/** `flavor` of `PUT /flavors/{id}`. */
export const UpdateFlavor = plainBody('UpdateFlavor', Type.Object({ description: LongDescription }, { additionalProperties: false }));

const Tenant = Type.Object({ tenant: Type.String({ minLength: 1, maxLength: 255 }) }, { additionalProperties: false });
export const AddTenantAccess = plainBody('AddTenantAccess', Tenant);
export const RemoveTenantAccess = plainBody('RemoveTenantAccess', Tenant);

/** Sort keys clients use, and the columns behind them. */
export const flavorSortColumns = {
  created_at: 'created_at',
  description: 'description',
  disabled: 'disabled',
  ephemeral_gb: 'ephemeral_gb',
  flavorid: 'flavor_id',
  id: 'id',
  is_public: 'is_public',
  memory_mb: 'memory_mb',
  name: 'name',
  root_gb: 'root_gb',
  rxtx_factor: 'rxtx_factor',
  swap: 'swap_mb',
  updated_at: 'updated_at',
  vcpu_weight: 'id', // the same for all flavors
  vcpus: 'vcpus',
} as const;

const sortKeys = Object.keys(flavorSortColumns);

/** The query of both flavor lists. */
export const ListFlavors = versionedQuery(
  {
    limit: { type: digits },
    marker: { type: anyText },
    is_public: { type: anyText },
    minRam: { type: anyText },
    minDisk: { type: anyText },
    sort_key: { type: Type.Enum(sortKeys) },
    sort_dir: { type: Type.Enum(['asc', 'desc']) },
    name: { since: '2.102', type: Type.String({ minLength: 1, maxLength: 255 }) },
  },
  { refusesUnknownSince: version('2.75') },
);

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Type, { type Static } from 'typebox';
import { parse } from 'yaml';
import type { Inventory } from '../../clients/placement.ts';
import { invalid, messageOf } from '../../lib/errors.ts';
import { validatorOf } from '../../lib/http/validation.ts';
import { normalizeUuid } from '../../lib/ids.ts';
import type { Log } from '../../lib/log.ts';

/** What an operator's files add to a resource provider. */
export interface ProviderAddition {
  readonly inventories: Readonly<Record<string, Inventory>>;
  readonly traits: readonly string[];
}

/** What the files say, by the provider they say it of. */
export interface ProviderConfig {
  /** What is added to a provider; nodes of this host get what is said of `$COMPUTE_NODE` where nothing is said of themselves. */
  additionFor(provider: { readonly uuid: string; readonly name: string; readonly isNode: boolean }): ProviderAddition;
  /** Whether anything is said of providers other than nodes. */
  readonly namesOthers: boolean;
}

const Amount = Type.Integer({ minimum: 0, maximum: 2_147_483_647 });
const InventoryRecord = Type.Object(
  {
    total: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
    reserved: Type.Optional(Amount),
    min_unit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    max_unit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    step_size: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    allocation_ratio: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 3.40282e38 })),
  },
  { additionalProperties: false },
);
const OneInventory = Type.Record(Type.String({ pattern: '^CUSTOM_[A-Z0-9_]+$', maxLength: 255 }), InventoryRecord, {
  minProperties: 1,
  maxProperties: 1,
  additionalProperties: false,
});
const Trait = Type.String({ pattern: '^CUSTOM_[A-Z0-9_]+$', maxLength: 255 });
/** Keys that are not known are let through, for later versions of the format may have them; what names a provider and what counts must be right. */
const File = Type.Object({
  meta: Type.Object({ schema_version: Type.String({ pattern: String.raw`^1\.\d+$` }) }),
  providers: Type.Optional(
    Type.Array(
      Type.Object({
        identification: Type.Union([
          Type.Object({ uuid: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
          Type.Object({ name: Type.String({ minLength: 1, maxLength: 200 }) }, { additionalProperties: false }),
        ]),
        inventories: Type.Optional(Type.Object({ additional: Type.Optional(Type.Array(OneInventory)) })),
        traits: Type.Optional(Type.Object({ additional: Type.Optional(Type.Array(Trait, { uniqueItems: true })) })),
      }),
    ),
  ),
});

type Provider = NonNullable<Static<typeof File>['providers']>[number];
const everyNode = '$COMPUTE_NODE';

/** Reads all files of a directory, in the order of their names; there need not be any. Anything wrong in one is refused, by its name. */
export function readProviderConfig(directory: string, log: Pick<Log, 'warn'>): ProviderConfig {
  const known = new Map<string, { readonly addition: ProviderAddition; readonly file: string }>();
  const files = existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => name.endsWith('.yaml'))
        .toSorted()
    : [];
  for (const name of files) {
    const file = join(directory, name);
    for (const provider of readFile(file)) {
      const addition = additionOf(provider, file);
      const who = keyOf(provider, file);
      if (Object.keys(addition.inventories).length === 0 && addition.traits.length === 0) {
        log.warn({ file, provider: who }, 'a provider in a provider configuration file has neither inventories nor traits');
        continue;
      }
      const before = known.get(who);
      if (before !== undefined) throw wrong(file, `the provider ${who} is named a second time, first in ${before.file}`);
      known.set(who, { addition, file });
    }
  }
  return {
    namesOthers: [...known.keys()].some((who) => who !== everyNode),
    additionFor({ uuid, name, isNode }) {
      const [byUuid, byName] = [known.get(uuid), known.get(`name ${name}`)];
      if (byUuid !== undefined && byName !== undefined)
        throw wrong(byName.file, `the provider ${name} is named a second time, by its uuid in ${byUuid.file}`);
      return (
        byUuid?.addition ?? byName?.addition ?? (isNode ? known.get(everyNode)?.addition : undefined) ?? { inventories: {}, traits: [] }
      );
    },
  };
}

/** Refuses to be told what the hypervisor itself says of the host. */
export function refuseOwnedTraits(ofHost: readonly string[], { traits }: ProviderAddition): void {
  const owned = traits.find((trait) => ofHost.includes(trait));
  if (owned !== undefined) throw invalid(`The provider configuration adds the trait ${owned}, which the hypervisor reports itself.`);
}

const wrong = (file: string, why: string) => invalid(`The provider configuration file ${file} cannot be used: ${why}.`);

function readFile(file: string): readonly Provider[] {
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw invalid(`The provider configuration file ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const issue = validatorOf(File).check(content);
  if (issue !== null) throw wrong(file, `${issue.path.join('.') || 'the file'}: ${issue.text}`);
  return (content as Static<typeof File>).providers ?? [];
}

function keyOf({ identification }: Provider, file: string): string {
  if ('name' in identification) return `name ${identification.name}`;
  if (identification.uuid === everyNode) return everyNode;
  const uuid = normalizeUuid(identification.uuid);
  if (uuid === null || uuid !== identification.uuid.toLowerCase()) throw wrong(file, `'${identification.uuid}' is no uuid`);
  return uuid;
}

function additionOf({ inventories, traits }: Provider, file: string): ProviderAddition {
  const records = (inventories?.additional ?? []).flatMap((one) => Object.entries(one));
  const names = records.map(([name]) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw wrong(file, `${twice} is there twice for one provider`);
  return {
    inventories: Object.fromEntries(
      records.map(([name, { total, reserved = 0, min_unit = 1, max_unit = total, step_size = 1, allocation_ratio = 1 }]) => {
        if (reserved > total) throw wrong(file, `${name} reserves more than there is`);
        return [
          name,
          { total, reserved, minUnit: min_unit, maxUnit: max_unit, stepSize: step_size, allocationRatio: allocation_ratio },
        ] as const;
      }),
    ),
    traits: traits?.additional ?? [],
  };
}

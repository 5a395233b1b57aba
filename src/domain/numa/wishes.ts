import { invalid } from '../../lib/errors.ts';
import type { InstanceFlavor, InstanceImage } from '../instance.ts';

/** What an instance is to be, as flavor and image say it. */
export interface Wishes {
  readonly flavor: Pick<InstanceFlavor, 'vcpus' | 'memoryMb' | 'extraSpecs'>;
  readonly image: Pick<InstanceImage, 'properties'> | null;
}

/** One wish by its name: what the flavor (`hw:cpu_policy`) and what the image (`hw_cpu_policy`) say of it; null for an empty text, too. */
export const wishOf = ({ flavor, image }: Wishes, name: string): { readonly flavor: string | null; readonly image: string | null } => ({
  flavor: flavor.extraSpecs[`hw:${name}`]?.trim() || null,
  image: image?.properties[`hw_${name}`]?.trim() || null,
});

/** A wish that is one of a few words, in either place. */
export function choiceOf<const C extends string>(
  wishes: Wishes,
  name: string,
  choices: readonly C[],
): { flavor: C | null; image: C | null } {
  const said = wishOf(wishes, name);
  const read = (text: string | null, key: string): C | null => {
    if (text === null) return null;
    const found = choices.find((choice) => choice === text.toLowerCase());
    if (found === undefined) throw invalid(`Invalid value '${text}' of ${key}: it must be one of ${choices.join(', ')}.`);
    return found;
  };
  return { flavor: read(said.flavor, `hw:${name}`), image: read(said.image, `hw_${name}`) };
}

/** Whether a text means yes, as OpenStack reads flags. */
export const isYes = (text: string | null | undefined): boolean =>
  text !== null && text !== undefined && /^(true|1|yes|on|y|t)$/i.test(text.trim());

/** A flag that the flavor or the image may set. */
export const flagOf = (wishes: Wishes, name: string): boolean => {
  const { flavor, image } = wishOf(wishes, name);
  return isYes(flavor) || isYes(image);
};

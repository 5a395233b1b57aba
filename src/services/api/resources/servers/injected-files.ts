import Type from 'typebox';
import type { Instance } from '../../../../domain/instance.ts';
import { overQuota } from '../../../../lib/errors.ts';
import { Base64 } from '../../schemas.ts';

/** Files a guest finds on its config drive, as requests had them until 2.56. */
export const Personality = Type.Array(Type.Object({ path: Type.String(), contents: Base64(1_048_576) }, { additionalProperties: false }));

/** The files of a request, within the limits of its project. */
export function injectedFiles(
  personality: readonly { readonly path: string; readonly contents: string }[] | undefined,
  limits: Readonly<Record<string, number>>,
): NonNullable<Instance['files']> {
  const files = (personality ?? []).map(({ path, contents }) => ({ path, content: contents }));
  const refuse = (limit: string, used: number, message: (most: number) => string): void => {
    const most = limits[limit] ?? -1;
    if (most >= 0 && used > most) throw overQuota(message(most));
  };
  const longest = (sizes: readonly number[]): number => Math.max(0, ...sizes);
  refuse('injected_files', files.length, () => 'Personality file limit exceeded');
  refuse(
    'injected_file_path_bytes',
    longest(files.map(({ path }) => Buffer.byteLength(path))),
    (most) => `Personality file path exceeds maximum ${most}`,
  );
  refuse(
    'injected_file_content_bytes',
    longest(files.map(({ content }) => Buffer.from(content, 'base64').length)),
    (most) => `Personality file content exceeds maximum ${most}`,
  );
  return files;
}

import { readFile } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { join } from 'node:path';

/** One answer Nova's documentation shows. */
export interface PublishedSample {
  /** Such as `servers/server-get-resp`. */
  readonly name: string;
  /** From which it is shown: `2.1` where no folder says more. */
  readonly version: string;
  readonly content: unknown;
}

/** The samples of a checkout of Nova, those of requests left out. */
export async function publishedSamples(checkout: string): Promise<PublishedSample[]> {
  const root = join(checkout, 'doc/api_samples');
  const files = globSync('**/*.json', { cwd: root }).filter((file) => !/-req(-|\.)|req\.json$/.test(file));
  const samples = await Promise.all(
    files.toSorted().map(async (file) => {
      const [area = '', ...rest] = file.replace(/\.json$/, '').split('/');
      const name = `${area}/${rest.at(-1)}`;
      const version = rest.length > 1 ? (rest[0] ?? '').replace(/^v/, '') : '2.1';
      return { name, version, content: JSON.parse(await readFile(join(root, file), 'utf8')) as unknown };
    }),
  );
  return samples;
}

import { readFileSync } from 'node:fs';
import { invalid, messageOf } from '../lib/errors.ts';
import { parseIni } from './ini.ts';
import type { Option, SettingsOf, SettingsSchema } from './option.ts';
import { novaSchema } from './schema.ts';

/** All settings of a cloud, by Nova's group and option names. */
export type Settings = SettingsOf<typeof novaSchema>;

export interface LoadedSettings {
  readonly settings: Settings;
  /** Unknown options and lines that could not be read, each naming itself. */
  readonly warnings: readonly string[];
}

/** Reads a `nova.conf`. A bad value is an error that names option, value and what is allowed; an unknown option is a warning. */
export function readSettings(text: string, name = 'nova.conf'): LoadedSettings {
  const { file, problems } = parseIni(text);
  const warnings = problems.map(({ line, text: shown }) => `${name} line ${line} is not understood: '${shown.slice(0, 80)}'`);
  const given = new Map<string, string>();
  for (const [group, options] of file) {
    for (const [key, values] of options) {
      const known = Object.hasOwn(novaSchema, group) && Object.hasOwn(novaSchema[group as keyof typeof novaSchema], key);
      if (!known) warnings.push(`${name}: option [${group}] ${key} is not known here and has no effect`);
      const repeatable = known && (novaSchema as SettingsSchema)[group]?.[key]?.repeatable === true;
      given.set(`${group}\0${key}`, repeatable ? values.join('\0') : (values.at(-1) ?? ''));
    }
  }
  const interpolate = (value: string, depth = 0): string =>
    depth > 8
      ? value
      : value.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
          const key = braced ?? bare ?? '';
          const other =
            given.get(`DEFAULT\0${key}`) ??
            (Object.hasOwn(novaSchema.DEFAULT, key) ? String((novaSchema.DEFAULT as SettingsSchema[string])[key]?.default) : null);
          return other === null ? whole : interpolate(other, depth + 1);
        });
  const values = Object.fromEntries(
    Object.entries(novaSchema as SettingsSchema).map(([group, options]) => [
      group,
      Object.fromEntries(
        Object.entries(options).map(([key, option]) => [
          key,
          valueOf(option, given.get(`${group}\0${key}`), { name, group, key, interpolate }),
        ]),
      ),
    ]),
  );
  return { settings: values as unknown as Settings, warnings };
}

function valueOf(
  option: Option<unknown>,
  text: string | undefined,
  {
    name,
    group,
    key,
    interpolate,
  }: { readonly name: string; readonly group: string; readonly key: string; readonly interpolate: (value: string) => string },
): unknown {
  if (text === undefined) return typeof option.default === 'string' ? interpolate(option.default) : option.default;
  try {
    return option.read(interpolate(text));
  } catch (error) {
    throw invalid(
      `${name}: [${group}] ${key}: ${option.secret ? `the value is not allowed; it must be ${option.allowed}` : messageOf(error)}`,
    );
  }
}

/** Reads a `nova.conf` from disk; the error names the file. */
export function loadSettings(path: string): LoadedSettings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid(`The configuration file ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return readSettings(text, path);
}

/** The sample file: every option with its sentence and its default, commented out. */
export function sampleConf(): string {
  const groups = Object.entries(novaSchema as SettingsSchema).map(([group, options]) => {
    const lines = Object.entries(options).map(([key, o]) => `# ${o.help}\n# (${o.allowed})\n#${key} = ${o.sample ?? o.write(o.default)}\n`);
    return `[${group}]\n\n${lines.join('\n')}`;
  });
  return groups.join('\n');
}

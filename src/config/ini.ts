/** A configuration file as oslo.config reads it: sections, `key = value`, repeated keys, continued lines. */
export type IniFile = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

export interface IniProblem {
  readonly line: number;
  readonly text: string;
}

/** Parses an INI text; lines that are neither a section, a comment nor an option are reported, not guessed at. */
export function parseIni(text: string): { readonly file: IniFile; readonly problems: readonly IniProblem[] } {
  const file = new Map<string, Map<string, string[]>>();
  const problems: IniProblem[] = [];
  let section = 'DEFAULT';
  let last: string[] | null = null;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const header = /^\[([^\]]+)\]\s*$/.exec(line)?.[1];
    const option = /^([^\s=:][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (header !== undefined) {
      section = header.trim();
      last = null;
    } else if (/^\s/.test(line) && last !== null) {
      last[last.length - 1] += `\n${line.trim()}`;
    } else if (option !== null) {
      const options = file.get(section) ?? new Map<string, string[]>();
      file.set(section, options);
      const [, key = '', value = ''] = option;
      last = [...(options.get(key) ?? []), unquoted(value)];
      options.set(key, last);
    } else problems.push({ line: index + 1, text: line.trim() });
  }
  return { file, problems };
}

const unquoted = (value: string): string => /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;

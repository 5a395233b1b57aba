import { invalid } from '../lib/errors.ts';

/** One setting: how its text is read, what holds when it is not set, and the sentence its documentation shows. */
export interface Option<T> {
  readonly read: (text: string) => T;
  readonly default: T;
  /** What is allowed, as an error and the sample file say it. */
  readonly allowed: string;
  readonly help: string;
  readonly secret: boolean;
  /** What the sample file shows of a default that depends on the machine. */
  readonly sample?: string;
  /** Set where the option may stand in the file several times; `read` then gets the lines joined by a null character. */
  readonly repeatable?: true;
  /** How a default is written in the sample file. */
  write(value: T): string;
}

interface Common<T> {
  readonly default: T;
  readonly help: string;
  readonly sample?: string;
}

const refuse = (text: string, allowed: string): never => {
  throw invalid(`'${text}' is not allowed; it must be ${allowed}`);
};

const make = <T>(allowed: string, read: (text: string) => T, common: Common<T>, write: (value: T) => string = String): Option<T> => ({
  read,
  allowed,
  secret: false,
  write,
  ...common,
});

const numberFrom = (min?: number): string => `a number${min === undefined ? '' : ` ≥ ${min}`}`;
const readNumber = (text: string, min?: number): number =>
  Number.isFinite(Number(text)) && text.trim() !== '' && Number(text) >= (min ?? -Infinity) ? Number(text) : refuse(text, numberFrom(min));

/** The makers of option types, after oslo.config's. */
export const option = {
  text: (o: Common<string>): Option<string> => make('text', (t) => t, o),
  /** A value that never appears in logs, errors or `inspect`. */
  secret: (o: Common<string>): Option<string> => ({ ...make('text', (t: string) => t, o), secret: true }),
  optionalText: (o: { readonly help: string }): Option<string | null> =>
    make<string | null>(
      'text',
      (t) => (t === '' ? null : t),
      { ...o, default: null },
      (v) => v ?? '<None>',
    ),
  flag: (o: Common<boolean>): Option<boolean> =>
    make(
      'true or false',
      (t) => (/^(true|1|yes|on)$/i.test(t) ? true : /^(false|0|no|off)$/i.test(t) ? false : refuse(t, 'true or false')),
      o,
      (v) => (v ? 'True' : 'False'),
    ),
  integer: (o: Common<number> & { readonly min?: number; readonly max?: number }): Option<number> => {
    const allowed = `a whole number${o.min === undefined ? '' : ` ≥ ${o.min}`}${o.max === undefined ? '' : ` ≤ ${o.max}`}`;
    return make(
      allowed,
      (t) =>
        /^-?\d{1,15}$/.test(t) && Number(t) >= (o.min ?? -Infinity) && Number(t) <= (o.max ?? Infinity) ? Number(t) : refuse(t, allowed),
      o,
    );
  },
  port: (o: Common<number>): Option<number> =>
    make('a port from 0 to 65535', (t) => (/^\d{1,5}$/.test(t) && Number(t) <= 65535 ? Number(t) : refuse(t, 'a port from 0 to 65535')), o),
  number: (o: Common<number> & { readonly min?: number }): Option<number> => make(numberFrom(o.min), (t) => readNumber(t, o.min), o),
  optionalNumber: (o: { readonly help: string; readonly min?: number }): Option<number | null> =>
    make<number | null>(
      numberFrom(o.min),
      (t) => readNumber(t, o.min),
      { help: o.help, default: null },
      (v) => (v === null ? '<None>' : String(v)),
    ),
  list: (o: Common<readonly string[]>): Option<readonly string[]> =>
    make(
      'a list separated by commas',
      (t) =>
        t
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      o,
      (v) => v.join(','),
    ),
  /** Given once for each value, such as `[pci] alias`. */
  lines: (o: { readonly help: string }): Option<readonly string[]> => ({
    ...make<readonly string[]>(
      'text, and may be given several times',
      (t) => t.split('\0').filter((line) => line.trim() !== ''),
      { ...o, default: [] },
      (v) => v.join('; '),
    ),
    repeatable: true,
  }),
  choice: <const C extends string>(choices: readonly C[], o: Common<NoInfer<C>>): Option<C> =>
    make(`one of ${choices.join(', ')}`, (t) => choices.find((choice) => choice === t) ?? refuse(t, `one of ${choices.join(', ')}`), o),
  optionalChoice: <const C extends string>(choices: readonly C[], o: { readonly help: string }): Option<C | null> =>
    make<C | null>(
      `one of ${choices.join(', ')}`,
      (t) => choices.find((choice) => choice === t) ?? refuse(t, `one of ${choices.join(', ')}`),
      { ...o, default: null },
      (v) => v ?? '<None>',
    ),
};

/** Groups of options: what a `nova.conf` may hold. */
export type SettingsSchema = Readonly<Record<string, Readonly<Record<string, Option<unknown>>>>>;
/** The values a schema yields: `settings.libvirt.virt_type`. */
export type SettingsOf<S extends SettingsSchema> = {
  readonly [G in keyof S]: { readonly [K in keyof S[G]]: S[G][K] extends Option<infer T> ? T : never };
};

/** XML as values. Text is text and elements are elements, so nothing can be forgotten to be escaped. */

/** A piece of XML: a text, or an element with its attributes and children in order. */
export type XmlNode = XmlElement | string;

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlNode[];
}

/** XML 1.0 cannot say it, not even escaped: most control characters, half a surrogate pair, U+FFFE and U+FFFF. Or it is no XML at all. */
export class XmlError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'XmlError';
  }
}

/** What may be given as an attribute: one that is undefined or null is left out, as `false` is not (`'no'` is libvirt's word for that). */
export type AttributeValue = string | number | bigint | null | undefined;
/** What may be given as a child: null, undefined and false are left out, lists are flattened. */
export type Child = XmlNode | number | bigint | null | undefined | false | readonly Child[];

const NAME = /^[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?$/;

// What XML 1.0 allows is tab, line feed, carriage return and U+0020 up, without surrogates on their own and the two non-characters.
// oxlint-disable-next-line eslint/no-control-regex -- they are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/u;

/**
 * An element: `el('disk', { type: 'file' }, el('source', { file: path }))`. Throws an `XmlError` for a name that is none, and for text that
 * holds a character XML forbids: silently losing a byte of somebody's data would be worse. Clean such text with `withoutForbidden` first.
 */
export function el(name: string, attributes: Readonly<Record<string, AttributeValue>> = {}, ...children: readonly Child[]): XmlElement {
  checkName(name);
  const kept = Object.entries(attributes).flatMap(([key, value]) => {
    if (value === null || value === undefined) return [];
    checkName(key);
    return [[key, allowed(String(value))] as const];
  });
  return { name, attributes: Object.fromEntries(kept), children: children.flatMap(toNodes) };
}

function toNodes(child: Child): XmlNode[] {
  if (child === null || child === undefined || child === false) return [];
  if (typeof child === 'string' || typeof child === 'number' || typeof child === 'bigint') return [allowed(String(child))];
  return isList(child) ? child.flatMap(toNodes) : [child];
}

const isList = (child: Child): child is readonly Child[] => Array.isArray(child);

function checkName(name: string): void {
  if (!NAME.test(name)) throw new XmlError(`"${name}" is not a name in XML`);
}

/** The text itself; throws an `XmlError` when it holds a character XML forbids. */
export function allowed(text: string): string {
  const match = FORBIDDEN.exec(text);
  if (match === null) return text;
  const code = (match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  throw new XmlError(`XML cannot hold the character U+${code}`);
}

/** The text without the characters XML forbids. */
export const withoutForbidden = (text: string): string => text.replaceAll(new RegExp(FORBIDDEN.source, 'gu'), '');

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};
const escapeText = (text: string): string => text.replaceAll(/[&<>\r]/g, (character) => escapes[character] ?? character);
/** Line ends and tabs too, which a reader would otherwise turn into blanks. */
const escapeAttribute = (text: string): string => text.replaceAll(/[&<>"\t\n\r]/g, (character) => escapes[character] ?? character);

/** The element as text, on one line; with `indent` one element a line where no text stands between them. */
export function toXml(element: XmlElement, { indent = '' }: { readonly indent?: string } = {}): string {
  return lines(element, indent, 0).join(indent === '' ? '' : '\n');
}

function lines({ name, attributes, children }: XmlElement, indent: string, depth: number): string[] {
  const margin = indent.repeat(depth);
  const start = Object.entries(attributes).reduce((tag, [key, value]) => `${tag} ${key}="${escapeAttribute(value)}"`, `${margin}<${name}`);
  if (children.length === 0) return [`${start}/>`];
  if (indent === '' || children.some((child) => typeof child === 'string')) {
    const inside = children.map((child) => (typeof child === 'string' ? escapeText(child) : lines(child, '', 0).join('')));
    return [`${start}>${inside.join('')}</${name}>`];
  }
  const inside = children.flatMap((child) => (typeof child === 'string' ? [] : lines(child, indent, depth + 1)));
  return [`${start}>`, ...inside, `${margin}</${name}>`];
}

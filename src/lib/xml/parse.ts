import { XMLParser, XMLValidator } from 'fast-xml-parser';

import { allowed, XmlError } from './build.ts';
import type { XmlElement, XmlNode } from './build.ts';

const TEXT = '#text';
const CDATA = '#cdata';
const ATTRIBUTES = ':@';

// The library keeps what it does not know as it stands (`&nbsp;`, even `&#65;`), so references are ours to resolve.
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  cdataPropName: CDATA,
  processEntities: false,
});

/**
 * Reads a document into its root element. Blanks between elements are dropped where an element holds nothing else but elements.
 * Throws an `XmlError` for what is not well-formed, and for any DOCTYPE: entities of a document's own making are never expanded.
 */
export function parseXml(text: string): XmlElement {
  if (/<!DOCTYPE/i.test(text)) throw new XmlError('a document with a DOCTYPE is refused');
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) throw new XmlError(`not well-formed XML, line ${verdict.err.line}: ${verdict.err.msg}`);
  if (!/>\s*$/.test(text)) throw new XmlError('text follows the document'); // which the library would drop
  const outermost = nodes(read(allowed(text)));
  const [root, ...others] = outermost.filter((node) => typeof node !== 'string' || !isBlank(node));
  if (root === undefined || typeof root === 'string' || others.length > 0)
    throw new XmlError('a document is one element and nothing beside it');
  return root;
}

function read(text: string): unknown {
  try {
    return parser.parse(text);
  } catch (cause) {
    throw new XmlError(cause instanceof Error ? cause.message : String(cause));
  }
}

/** The library's order-preserving form: a list of objects with one key each, the name, and attributes beside it. */
function nodes(list: unknown): XmlNode[] {
  if (!Array.isArray(list)) return [];
  const all = list.flatMap((entry: unknown) => {
    const node = toNode(entry);
    return node === null ? [] : [node];
  });
  const onlyElements = all.every((node) => typeof node !== 'string' || isBlank(node)) && all.some((node) => typeof node !== 'string');
  return onlyElements ? all.filter((node) => typeof node !== 'string') : all;
}

const isBlank = (text: string): boolean => text.trim() === '';

function toNode(entry: unknown): XmlNode | null {
  if (typeof entry !== 'object' || entry === null) return null;
  const fields = new Map<string, unknown>(Object.entries(entry));
  const name = [...fields.keys()].find((key) => key !== ATTRIBUTES);
  if (name === undefined) return null;
  if (name === TEXT) return resolved(String(fields.get(TEXT)));
  if (name === CDATA) return cdataOf(fields.get(CDATA));
  return { name, attributes: attributesOf(fields.get(ATTRIBUTES)), children: nodes(fields.get(name)) };
}

const cdataOf = (list: unknown): string =>
  Array.isArray(list) ? list.map((entry: Record<string, unknown>) => String(entry[TEXT])).join('') : '';

const attributesOf = (entry: unknown): Readonly<Record<string, string>> =>
  typeof entry === 'object' && entry !== null ? Object.fromEntries(Object.entries(entry).map(toAttribute)) : {};

/** A line end or a tab stands for a blank in an attribute, unless it is written as a reference. */
const toAttribute = ([name, value]: [string, unknown]): [string, string] => [name, resolved(String(value).replaceAll(/[\t\r\n]/g, ' '))];

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Text with its character references and XML's own five entities resolved. */
const resolved = (text: string): string =>
  text.replaceAll(/&([^;]*);/g, (reference, name: string) => {
    const code = /^#(?:x(?<hex>[0-9a-f]{1,6})|(?<decimal>\d{1,7}))$/i.exec(name)?.groups;
    const character =
      code === undefined
        ? entities[name]
        : characterOf(code['hex'] === undefined ? Number(code['decimal']) : Number.parseInt(code['hex'], 16));
    if (character === undefined) throw new XmlError(`"${reference}" is not an entity of XML`);
    return allowed(character);
  });

const characterOf = (code: number): string | undefined => (code <= 0x10_ffff ? String.fromCodePoint(code) : undefined);

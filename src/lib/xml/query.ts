/** Ways through an element that was read. A path is names with slashes: `devices/disk/source`. */
import type { XmlElement } from './build.ts';

const isElement = (node: XmlElement | string): node is XmlElement => typeof node !== 'string';

/** The child elements, or those of one name. */
export const childrenOf = (element: XmlElement, name?: string): XmlElement[] =>
  element.children.filter(isElement).filter((child) => name === undefined || child.name === name);

/** All elements at a path, in the document's order. */
export const findAll = (element: XmlElement, path: string): XmlElement[] =>
  path.split('/').reduce<XmlElement[]>((found, name) => found.flatMap((each) => childrenOf(each, name)), [element]);

/** The first element at a path, or null. */
export const find = (element: XmlElement, path: string): XmlElement | null => findAll(element, path)[0] ?? null;

/** All text inside an element, without blanks around it. */
export const textOf = (element: XmlElement): string =>
  element.children
    .map((child) => (typeof child === 'string' ? child : textOf(child)))
    .join('')
    .trim();

/** The text of the first element at a path, or null. */
export function textAt(element: XmlElement, path: string): string | null {
  const found = find(element, path);
  return found === null ? null : textOf(found);
}

/** An attribute of the first element at a path (of the element itself for an empty path), or null. */
export function attributeAt(element: XmlElement, path: string, attribute: string): string | null {
  const found = path === '' ? element : find(element, path);
  return found?.attributes[attribute] ?? null;
}

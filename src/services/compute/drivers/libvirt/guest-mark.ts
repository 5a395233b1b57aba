import { el, withoutForbidden, type XmlElement } from '../../../../lib/xml/build.ts';
import { parseXml } from '../../../../lib/xml/parse.ts';
import { attributeAt } from '../../../../lib/xml/query.ts';
import type { GuestSpec } from '../driver.ts';

/** The namespace of our element in a domain's metadata. */
export const markNamespace = { uri: 'urn:kilonova:guest:1', prefix: 'kilonova' } as const;

/** What makes a domain ours: which cloud it belongs to, and what it is, for whoever looks at the hypervisor. */
export function guestMark({ id, about }: Pick<GuestSpec, 'id' | 'about'>, cloudId: string): XmlElement {
  return el(
    'kilonova:guest',
    { 'xmlns:kilonova': markNamespace.uri, cloud: text(cloudId), instance: id },
    el('kilonova:name', {}, text(about.displayName)),
    el('kilonova:created', {}, text(about.createdAt)),
    el('kilonova:flavor', { id: text(about.flavorId) }, text(about.flavorName)),
    el(
      'kilonova:owner',
      {},
      el('kilonova:project', { id: text(about.projectId) }, text(about.projectName)),
      el('kilonova:user', { id: text(about.userId) }, text(about.userName)),
    ),
    about.imageId !== null && el('kilonova:root', { type: 'image', id: text(about.imageId) }),
  );
}

/** The cloud a mark names, from the XML libvirt gives back; null for anything else. */
export function cloudOfMark(xml: string): string | null {
  try {
    return attributeAt(parseXml(xml), '', 'cloud');
  } catch {
    return null;
  }
}

/** A text as XML can hold it: people may name things as they like. */
const text = (value: string | null): string | null => (value === null ? null : withoutForbidden(value));

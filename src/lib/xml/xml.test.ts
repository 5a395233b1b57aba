import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { el, toXml, withoutForbidden, XmlError } from './build.ts';
import type { XmlElement, XmlNode } from './build.ts';
import { parseXml } from './parse.ts';
import { attributeAt, childrenOf, find, findAll, textAt, textOf } from './query.ts';

describe('building', () => {
  it('escapes whatever stands in text and attributes', () => {
    const disk = el('disk', { file: `a"b<c>&d'\n` }, 'x < y && "z"\r');
    expect(toXml(disk)).toBe(`<disk file="a&quot;b&lt;c&gt;&amp;d'&#10;">x &lt; y &amp;&amp; "z"&#13;</disk>`);
  });

  it('leaves out attributes and children that are not there, and flattens lists', () => {
    const memory = el(
      'memory',
      { unit: 'KiB', dumpCore: undefined, slots: null, size: 4n },
      null,
      false,
      undefined,
      [el('a'), [el('b')]],
      7,
    );
    expect(toXml(memory)).toBe('<memory unit="KiB" size="4"><a/><b/>7</memory>');
  });

  it('indents elements, but not where text stands among them', () => {
    expect(toXml(el('a', {}, el('b', {}, el('c')), el('d', {}, 'text', el('e'))), { indent: '  ' })).toBe(
      '<a>\n  <b>\n    <c/>\n  </b>\n  <d>text<e/></d>\n</a>',
    );
  });

  it.each(['', '1a', 'a b', 'a>', 'a:b:c', '-a', 'a"'])('refuses the name "%s"', (name) => {
    expect(() => el(name)).toThrow(XmlError);
    expect(() => el('a', { [name]: 1 })).toThrow(XmlError);
  });

  it.each(['\0', '\u0008', '\u000B', '\u001F', '\uD800', 'a\uDC00', '\uFFFE', '\uFFFF'])(
    'refuses the character %j, which XML cannot hold',
    (text) => {
      expect(() => el('a', {}, text)).toThrow(/XML cannot hold the character U\+[0-9A-F]{4}/);
      expect(() => el('a', { b: text })).toThrow(XmlError);
      expect(toXml(el('a', {}, withoutForbidden(`x${text}y`)))).toMatch(/^<a>xa?y<\/a>$/);
    },
  );
});

describe('reading', () => {
  it('keeps order, text, references and CDATA', () => {
    expect(parseXml(`<?xml version="1.0"?><!-- c --><a x='1 &lt; &#10;&#x41;'> hi &amp;<b/><![CDATA[<&>]]></a>`)).toEqual(
      el('a', { x: '1 < \nA' }, ' hi &', el('b'), '<&>'),
    );
  });

  it('drops blanks between elements and keeps them where they are all there is', () => {
    expect(parseXml('<a>\n  <b/>\n  <c>  </c>\n</a>')).toEqual(el('a', {}, el('b'), el('c', {}, '  ')));
  });

  it.each([
    ['nothing', ''],
    ['an element that does not end', '<a><b></a>'],
    ['two roots', '<a/><b/>'],
    ['text before the root', 'x<a/>'],
    ['text after the root', '<a/>x'],
    ['an attribute without quotes', '<a b=1/>'],
    ['the same attribute twice', '<a b="1" b="2"/>'],
    ['an entity of HTML', '<a>&nbsp;</a>'],
    ['a bare ampersand', '<a>a & b</a>'],
    ['a control character', '<a>\u0001</a>'],
    ['a reference to a control character', '<a>&#1;</a>'],
    ['a reference beyond Unicode', '<a>&#x110000;</a>'],
    ['a DOCTYPE', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
  ])('refuses %s', (_what, text) => {
    expect(() => parseXml(text)).toThrow(XmlError);
  });

  it('reads what was built, whatever it is', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,6}$/).filter((text) => !(text in {}));
    const text = fc.string({ unit: 'binary' }).map(withoutForbidden);
    const { element } = fc.letrec<{ element: XmlElement; node: XmlNode }>((tie) => ({
      element: fc
        .tuple(name, fc.dictionary(name, text, { maxKeys: 3 }), fc.array(tie('node'), { maxLength: 4 }))
        .map(([tag, attributes, children]) => el(tag, attributes, children)),
      node: fc.oneof({ depthSize: 'small' }, text, tie('element')),
    }));
    fc.assert(
      fc.property(element, (tree) => {
        expect(parseXml(toXml(tree))).toEqual(normal(tree));
      }),
    );
  });
});

/** As a reader must see it: neighbouring texts are one, empty ones are none, and blanks among elements mean nothing. */
function normal(element: XmlElement): XmlElement {
  const merged = element.children.reduce<XmlNode[]>((all, child) => {
    const last = all.at(-1);
    if (typeof child !== 'string') return [...all, normal(child)];
    if (child === '') return all;
    return typeof last === 'string' ? [...all.slice(0, -1), last + child] : [...all, child];
  }, []);
  const onlyElements =
    merged.some((child) => typeof child !== 'string') && merged.every((child) => typeof child !== 'string' || child.trim() === '');
  return { ...element, children: onlyElements ? merged.filter((child) => typeof child !== 'string') : merged };
}

describe('finding', () => {
  const domain = parseXml(
    `<domain id="3"><name> vm </name><devices><disk type="file"><target dev="vda"/></disk><disk type="network"/></devices></domain>`,
  );

  it('follows paths to elements, texts and attributes', () => {
    expect(findAll(domain, 'devices/disk').map((disk) => disk.attributes['type'])).toEqual(['file', 'network']);
    expect(childrenOf(domain).map(({ name }) => name)).toEqual(['name', 'devices']);
    expect(textAt(domain, 'name')).toBe('vm');
    expect(textOf(domain)).toBe('vm');
    expect(attributeAt(domain, 'devices/disk/target', 'dev')).toBe('vda');
    expect(attributeAt(domain, '', 'id')).toBe('3');
  });

  it('gives null for what is not there', () => {
    expect(find(domain, 'devices/interface')).toBeNull();
    expect(textAt(domain, 'title')).toBeNull();
    expect(attributeAt(domain, 'name', 'x')).toBeNull();
  });
});

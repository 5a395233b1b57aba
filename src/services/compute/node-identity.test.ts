import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isUuid, randomIds } from '../../lib/ids.ts';
import { keptNodeIdentity, namedNodeIdentity } from './node-identity.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-identity-'));
});
afterEach(() => rmSync(directory, { recursive: true }));
const identity = (host: string) => keptNodeIdentity(directory, { host, name: 'node.example', ids: randomIds });

describe('the identity of a node', () => {
  it('is made once and kept', () => {
    const first = identity('host');
    expect(isUuid(first.uuid)).toBe(true);
    expect(identity('host')).toEqual(first);
    expect(readFileSync(join(directory, 'compute_id'), 'utf8')).toBe(`${first.uuid}\n`);
  });

  it('is the one an operator wrote', () => {
    writeFileSync(join(directory, 'compute_id'), '11111111-2222-4333-8444-555555555555');
    expect(identity('host').uuid).toBe('11111111-2222-4333-8444-555555555555');
  });

  it('is refused when the file holds something else', () => {
    writeFileSync(join(directory, 'compute_id'), 'one two');
    expect(() => identity('host')).toThrow('one UUID and nothing else');
  });

  it('is refused to a host that was renamed', () => {
    identity('old');
    expect(() => identity('new')).toThrow("was called 'old' and is called 'new' now");
  });

  it('can come from the name alone', () => {
    const [a, again, other, cloud] = [['c', 'a'], ['c', 'a'], ['c', 'b'], ['d', 'a']].map(([c, h]) => namedNodeIdentity(c!, h!).uuid); // prettier-ignore
    expect([isUuid(a!), a === again, a === other, a === cloud]).toEqual([true, true, false, false]);
  });
});

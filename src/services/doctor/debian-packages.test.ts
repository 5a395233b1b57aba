import { describe, expect, it } from 'vitest';
import { installedPackages, listedPackages } from './debian-packages.ts';

describe('listedPackages', () => {
  it('reads packages by section, each with what it is for', () => {
    const text = '# words\n\n[node]\nlibatomic1    Node is linked against it\n\n[cloud]\nqemu-utils   qemu-img\n# more words\niproute2\n';
    expect(listedPackages(text)).toEqual(
      new Map([
        ['node', [{ name: 'libatomic1', why: 'Node is linked against it' }]],
        [
          'cloud',
          [
            { name: 'qemu-utils', why: 'qemu-img' },
            { name: 'iproute2', why: '' },
          ],
        ],
      ]),
    );
  });
});

describe('installedPackages', () => {
  it('counts what is installed, not what was removed or is half there', () => {
    const status = [
      'Package: here\nStatus: install ok installed\nDescription: a package\n Package: not-this-line',
      'Package: gone\nStatus: deinstall ok config-files',
      'Package: half\nStatus: install ok half-installed',
      'Package: held\nStatus: hold ok installed',
    ].join('\n\n');
    expect(installedPackages(`${status}\n`)).toEqual(new Set(['here', 'held']));
  });
});

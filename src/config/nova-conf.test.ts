import { describe, expect, it } from 'vitest';
import { readSettings, sampleConf } from './nova-conf.ts';

const refusal = (text: string): string => {
  try {
    readSettings(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
};

describe('nova.conf', () => {
  it('gives each option the value of its type, or its default', () => {
    const { settings, warnings } = readSettings(
      '[DEFAULT]\nstate_path = /srv/nova\ncpu_allocation_ratio = 1.5\n[vnc]\nenabled = no\n[pci]\nalias = {"a":1}\nalias = {"b":2}\n',
    );
    expect({
      instances: settings.DEFAULT.instances_path,
      ratios: [settings.DEFAULT.cpu_allocation_ratio, settings.DEFAULT.ram_allocation_ratio],
      screens: [settings.vnc.enabled, settings.spice.enabled],
      aliases: settings.pci.alias,
      warnings,
    }).toEqual({
      instances: '/srv/nova/instances',
      ratios: [1.5, null],
      screens: [false, false],
      aliases: ['{"a":1}', '{"b":2}'],
      warnings: [],
    });
  });

  it.each([
    ['[DEFAULT]\nreport_interval = 0', "nova.conf: [DEFAULT] report_interval: '0' is not allowed; it must be a whole number ≥ 1"],
    ['[DEFAULT]\ncpu_allocation_ratio =', "nova.conf: [DEFAULT] cpu_allocation_ratio: '' is not allowed; it must be a number ≥ 0"],
    ['[DEFAULT]\ncpu_allocation_ratio = -1', "nova.conf: [DEFAULT] cpu_allocation_ratio: '-1' is not allowed; it must be a number ≥ 0"],
    ['[vnc]\nenabled = maybe', "nova.conf: [vnc] enabled: 'maybe' is not allowed; it must be true or false"],
  ])('refuses %j by option, value and what is allowed', (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  it('names what it does not know, and goes on', () => {
    expect(readSettings('[libvirt]\nno_such_option = 1\n[nowhere]\nat_all = 1\nnonsense\n').warnings).toEqual([
      "nova.conf line 5 is not understood: 'nonsense'",
      'nova.conf: option [libvirt] no_such_option is not known here and has no effect',
      'nova.conf: option [nowhere] at_all is not known here and has no effect',
    ]);
  });

  it('reads the defaults of its own sample as they are', () => {
    const uncommented = sampleConf()
      .replaceAll(/^#(\S+ = )/gm, '$1')
      .replaceAll(/^.*<(None|hostname)>$/gm, '');
    expect(readSettings(uncommented)).toEqual(readSettings(''));
  });
});

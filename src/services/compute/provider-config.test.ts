import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { conflict, messageOf } from '../../lib/errors.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { composeHost } from './compute-host.ts';
import { fakeHypervisors } from './drivers/fake/hypervisors.ts';
import { keptAdditions } from './kept-additions.ts';
import { readProviderConfig } from './provider-config.ts';
import { resourceReport } from './reconcilers/resource-report.ts';
import { world } from './test-support/world.ts';

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'kilonova-provider-config-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const uuid = '11111111-0000-4000-8000-000000000001';
const file = (name: string, providers: string): void =>
  writeFileSync(join(directory, name), `meta:\n  schema_version: '1.0'\nproviders:\n${providers}\n`);
const entry = (who: string, inventory = '- CUSTOM_FOO: { total: 3 }', traits = 'CUSTOM_FAST'): string =>
  `  - identification: { ${who} }\n    inventories:\n      additional:\n        ${inventory}\n    traits:\n      additional: [${traits}]`;
const read = () => readProviderConfig(directory, silentLog);
const node = { uuid, name: 'host', isNode: true };

it('every node gets what is said of $COMPUTE_NODE, unless something is said of itself', () => {
  file('a.yaml', `${entry('uuid: $COMPUTE_NODE')}\n${entry(`uuid: ${uuid}`, '- CUSTOM_BAR: { total: 9, reserved: 1, max_unit: 2 }', '')}`);
  const config = read();
  expect(config.additionFor({ ...node, uuid: '22222222-0000-4000-8000-000000000001' })).toEqual({
    inventories: { CUSTOM_FOO: { total: 3, reserved: 0, minUnit: 1, maxUnit: 3, stepSize: 1, allocationRatio: 1 } },
    traits: ['CUSTOM_FAST'],
  });
  expect(config.additionFor(node)).toEqual({
    inventories: { CUSTOM_BAR: { total: 9, reserved: 1, minUnit: 1, maxUnit: 2, stepSize: 1, allocationRatio: 1 } },
    traits: [],
  });
  expect(config.additionFor({ ...node, isNode: false, uuid: '33333333-0000-4000-8000-000000000001', name: 'x' })).toEqual({
    inventories: {},
    traits: [],
  });
});

it('a directory that is not there adds nothing, and keys of later versions are let through', () => {
  expect(readProviderConfig(join(directory, 'none'), silentLog).additionFor(node)).toEqual({ inventories: {}, traits: [] });
  writeFileSync(
    join(directory, 'later.yaml'),
    "meta: { schema_version: '1.9', more: 1 }\nproviders:\n  - identification: { name: host }\n    colours: [red]\n    traits: { additional: [CUSTOM_A], more: 1 }\n",
  );
  expect(read().additionFor(node).traits).toEqual(['CUSTOM_A']);
});

it.each([
  ['no YAML', 'meta: [', 'cannot be read'],
  ['no version', 'providers: []', "'meta' is a required property"],
  ['another version', "meta: { schema_version: '2.0' }", 'schema_version'],
  ['no provider named', "meta: { schema_version: '1.0' }\nproviders: [{ identification: {} }]", 'identification'],
  [
    'a provider named twice over',
    `meta: { schema_version: '1.0' }\nproviders: [{ identification: { uuid: ${uuid}, name: x } }]`,
    'identification',
  ],
  [
    'no uuid',
    "meta: { schema_version: '1.0' }\nproviders: [{ identification: { uuid: host }, traits: { additional: [CUSTOM_A] } }]",
    'is no uuid',
  ],
  ['a standard class', `meta: { schema_version: '1.0' }\nproviders:\n${entry('name: x', '- VCPU: { total: 1 }')}`, 'VCPU'],
  [
    'a standard trait',
    `meta: { schema_version: '1.0' }\nproviders:\n${entry('name: x', '- CUSTOM_A: { total: 1 }', 'HW_CPU_X86_AVX')}`,
    'HW_CPU_X86_AVX',
  ],
  [
    'an unknown key of an inventory',
    `meta: { schema_version: '1.0' }\nproviders:\n${entry('name: x', '- CUSTOM_A: { total: 1, colour: red }')}`,
    'colour',
  ],
  [
    'an inventory without total',
    `meta: { schema_version: '1.0' }\nproviders:\n${entry('name: x', '- CUSTOM_A: { reserved: 1 }')}`,
    'total',
  ],
  [
    'more reserved than there is',
    `meta: { schema_version: '1.0' }\nproviders:\n${entry('name: x', '- CUSTOM_A: { total: 1, reserved: 2 }')}`,
    'reserves more',
  ],
])('%s is refused, with the file’s name', (_, text, why) => {
  writeFileSync(join(directory, 'bad.yaml'), text);
  const message = (() => {
    try {
      read();
      return 'nothing';
    } catch (error) {
      return messageOf(error);
    }
  })();
  expect(message).toContain('bad.yaml');
  expect(message).toContain(why);
});

it('one provider may be named once only, over all files', () => {
  file('a.yaml', entry(`uuid: ${uuid}`));
  file('b.yaml', entry(`uuid: ${uuid}`));
  expect(read).toThrow(/named a second time/);
  file('b.yaml', entry('name: host'));
  expect(() => read().additionFor(node)).toThrow(/named a second time/);
});

it('what is added is reported beside what operators put there, and goes when it is taken out of the file', async () => {
  const around = await world();
  const hypervisors = fakeHypervisors({ clock: systemClock, settings: around.settings, statePath: null });
  const start = () => {
    const host = composeHost({
      host: 'host',
      node: { uuid, name: 'host' },
      settings: around.settings,
      driver: hypervisors.driver('host'),
      conductor: { nodesReported: () => Promise.resolve() } as never,
      clients: {
        ...around.clients,
        placement: { ...around.clients.placement, ensureResourceClasses: () => Promise.resolve(), ensureTraits: () => Promise.resolve() },
      },
      identity: around.identity,
      clock: systemClock,
      log: silentLog,
      images: null,
    });
    return resourceReport(host, { readEvery: 1, additions: { config: read(), kept: keptAdditions(join(directory, 'kept.json')) } });
  };
  const reported = () => {
    const { inventories, traits } = around.providers.get(uuid)!;
    return [
      Object.keys(inventories)
        .filter((name) => name.startsWith('CUSTOM_'))
        .toSorted(),
      traits.filter((trait) => trait.startsWith('CUSTOM_')).toSorted(),
    ];
  };
  file('a.yaml', entry('uuid: $COMPUTE_NODE'));
  await start()();
  expect(reported()).toEqual([['CUSTOM_FOO'], ['CUSTOM_FAST']]);
  const provider = around.providers.get(uuid)!;
  provider.inventories['CUSTOM_OWN'] = provider.inventories['CUSTOM_FOO']!;
  provider.traits.push('CUSTOM_OWN');
  file('a.yaml', entry('uuid: $COMPUTE_NODE', '- CUSTOM_BAR: { total: 1 }', ''));
  const second = start();
  await second();
  expect(reported()).toEqual([['CUSTOM_BAR', 'CUSTOM_OWN'], ['CUSTOM_OWN']]);

  // a class that is used stays, and everything else is reported all the same
  rmSync(join(directory, 'a.yaml'));
  let refusals = 0;
  const { placement } = around.clients;
  const whole = { ...placement };
  placement.setInventories = (session, provider, generation, inventories) => {
    if ('CUSTOM_BAR' in inventories) return whole.setInventories(session, provider, generation, inventories);
    refusals++;
    return Promise.reject(conflict('in use', { code: 'placement.inventory.inuse' }));
  };
  await start()();
  expect([refusals, reported()]).toEqual([1, [['CUSTOM_BAR', 'CUSTOM_OWN'], ['CUSTOM_OWN']]]);
  Object.assign(placement, whole);
  await start()();
  expect(reported()).toEqual([['CUSTOM_OWN'], ['CUSTOM_OWN']]);
});

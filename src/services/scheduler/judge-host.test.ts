import { expect, test } from 'vitest';
import type { PlacementClient } from '../../clients/placement.ts';
import { judgeHost } from './judge-host.ts';
import { imageOf, requestSpec } from './test-support/request.ts';
import { schedulerOf } from './test-support/scheduler.ts';

/** Judges a server on a host that is disabled, full, and in a zone of its own, with another image. */
function judge(properties: Record<string, string>, ...conf: readonly string[]) {
  const { deps } = schedulerOf([{ host: 'a', disabled: true, zone: 'az1', metadata: { os_distro: ['windows'] }, capacity: { VCPU: 0 } }], {
    conf: ['[filter_scheduler]', ...conf],
  });
  const placement = { traits: () => Promise.resolve({ generation: 1, traits: ['CUSTOM_FAST'] }) } satisfies Pick<PlacementClient, 'traits'>;
  return judgeHost(
    { ...deps, placement },
    { spec: requestSpec({ image: imageOf(properties), availabilityZone: 'az2', ignoreHosts: ['a'] }), host: 'a', node: 'a' },
  );
}

test('only what looks at images is asked when a server stays where it is', async () => {
  expect(await judge({ hw_architecture: 'x86_64', 'trait:CUSTOM_FAST': 'required', os_distro: 'debian' })).toEqual({
    accepted: true,
    message: '',
  });
  expect(await judge({ hw_architecture: 'aarch64' })).toEqual({
    accepted: false,
    message: 'No valid host was found. The host of the server does not take the image: it does not offer architecture aarch64.',
  });
  expect((await judge({ 'trait:CUSTOM_SLOW': 'required' })).message).toContain('CUSTOM_SLOW is required');
});

test('filters are asked where they are enabled', async () => {
  const enabled = 'enabled_filters = ComputeFilter,AggregateImagePropertiesIsolation';
  expect((await judge({ os_distro: 'debian' }, enabled)).message).toContain('its aggregates want os_distro to be windows, not debian');
  expect(await judge({ hw_architecture: 'aarch64', os_distro: 'windows' }, enabled)).toMatchObject({ accepted: true });
});

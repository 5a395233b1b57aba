import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RequestSpec } from '../../domain/request-spec.ts';
import type { GroupSection } from './group-section.ts';
import { selectDestinations } from './select-destinations.ts';
import { flavorOf, imageOf, requestSpec } from './test-support/request.ts';
import { schedulerOf } from './test-support/scheduler.ts';
import { nodeOf, type MadeHost } from './test-support/view.ts';

const conf = [
  '[filter_scheduler]',
  'enabled_filters = ComputeFilter,AvailabilityZoneFilter,ComputeCapabilitiesFilter,ImagePropertiesFilter,ServerGroupAntiAffinityFilter,ServerGroupAffinityFilter,NumInstancesFilter,AggregateMultiTenancyIsolation,AggregateTypeAffinityFilter',
  'max_instances_per_host = 4',
];

interface Given extends MadeHost {
  readonly capacity: { readonly VCPU: number; readonly MEMORY_MB: number; readonly DISK_GB: number };
}
const made: fc.Arbitrary<Omit<Given, 'host'>> = fc.record({
  disabled: fc.boolean(),
  down: fc.boolean(),
  zone: fc.constantFrom('az1', 'az2'),
  instances: fc.integer({ min: 0, max: 5 }),
  metadata: fc.constantFrom({}, { filter_tenant_id: ['project-1'] }, { filter_tenant_id: ['project-2'] }, { instance_type: ['m1.large'] }),
  facts: fc.record({ hypervisorType: fc.constantFrom('QEMU', 'xen'), supportedInstances: fc.constantFrom([['x86_64', 'qemu', 'hvm'] as const], [['aarch64', 'qemu', 'hvm'] as const]) }),
  capacity: fc.record({ VCPU: fc.integer({ min: 0, max: 12 }), MEMORY_MB: fc.constantFrom(1024, 4096, 16_384), DISK_GB: fc.constantFrom(10, 40, 200) }),
}); // prettier-ignore

interface Asked {
  readonly spec: Partial<RequestSpec>;
  readonly count: number;
  readonly policy: 'affinity' | 'anti-affinity' | null;
}
const asked: fc.Arbitrary<Asked> = fc.record({
  spec: fc.record({
    availabilityZone: fc.constantFrom(null, null, 'az1'),
    ignoreHosts: fc.constantFrom([], [], ['h0', 'h1']),
    image: fc.constantFrom(imageOf(), imageOf({ hw_architecture: 'x86_64' })),
    flavor: fc.constantFrom(
      flavorOf(),
      flavorOf({ 'capabilities:hypervisor_type': 's== QEMU' }),
      flavorOf({}, { name: 'm1.large', vcpus: 4 }),
    ),
  }),
  count: fc.integer({ min: 1, max: 3 }),
  policy: fc.constantFrom(null, 'affinity', 'anti-affinity'),
});

/** The rules once more, as plainly as they can be said. */
const does = (
  host: Given,
  { spec }: Asked,
  now: { readonly used: Readonly<Record<string, number>>; readonly servers: number },
): boolean => {
  const { flavor, image, availabilityZone, ignoreHosts } = requestSpec(spec);
  const { metadata = {}, facts = {}, capacity } = host;
  const room = (name: keyof Given['capacity'], amount: number): boolean => (now.used[name] ?? 0) + amount <= capacity[name];
  return (
    host.disabled !== true &&
    host.down !== true &&
    (availabilityZone === null || host.zone === availabilityZone) &&
    !ignoreHosts.includes(host.host) &&
    (flavor.extraSpecs['capabilities:hypervisor_type'] === undefined || facts.hypervisorType === 'QEMU') &&
    (image?.properties['hw_architecture'] === undefined || facts.supportedInstances?.[0]?.[0] === 'x86_64') &&
    (host.instances ?? 0) + now.servers < 4 &&
    (metadata['filter_tenant_id'] ?? ['project-1']).includes('project-1') &&
    (metadata['instance_type'] ?? [flavor.name]).includes(flavor.name) &&
    room('VCPU', flavor.vcpus) &&
    room('MEMORY_MB', flavor.memoryMb) &&
    room('DISK_GB', flavor.rootGb)
  );
};

test('every chosen host does when judged again, no policy is broken, nothing is over-allocated, and nothing is refused that could be had', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(made, { minLength: 1, maxLength: 8 }),
      fc.array(asked, { minLength: 1, maxLength: 6 }),
      async (hosts, requests) => {
        const cloud = hosts.map((host, index): Given => ({ host: `h${index}`, ...host }));
        for (const request of requests) {
          const members: string[] = [];
          const { policy } = request;
          const groups: GroupSection = {
            run: async (_spec, _ids, place) =>
              (await place(policy === null ? null : { id: 'g', policy, maxServerPerHost: 1, memberHosts: members })).result,
          };
          const { deps, placement } = schedulerOf(cloud, { conf, groups });
          const before = new Map(cloud.map((host) => [host.host, placement.usedOf(nodeOf(host.host))]));
          const selection = await selectDestinations(deps, {
            spec: requestSpec(request.spec),
            instanceIds: Array.from({ length: request.count }, () => randomUUID()),
          });
          const able = cloud.filter((host) => does(host, request, { used: before.get(host.host)!, servers: 0 }));
          if (!selection.found) {
            expect(placement.held.size).toBe(0);
            if (request.count === 1) expect(able).toEqual([]);
            continue;
          }
          const chosen = selection.destinations.map(({ chosen: place }) => place.host);
          expect(able.map(({ host }) => host)).toEqual(expect.arrayContaining([...new Set(chosen)]));
          if (policy === 'affinity') expect(new Set(chosen).size).toBe(1);
          if (policy === 'anti-affinity') expect(new Set(chosen).size).toBe(chosen.length);
          for (const host of cloud) {
            const used = placement.usedOf(nodeOf(host.host));
            for (const name of ['VCPU', 'MEMORY_MB', 'DISK_GB'] as const) expect(used[name] ?? 0).toBeLessThanOrEqual(host.capacity[name]);
            expect((host.instances ?? 0) + chosen.filter((one) => one === host.host).length).toBeLessThanOrEqual(
              Math.max(4, host.instances ?? 0),
            );
          }
          for (const { alternates } of selection.destinations)
            for (const { host } of alternates) {
              expect(chosen).not.toContain(host);
              expect(able.map((one) => one.host)).toContain(host);
            }
        }
      },
    ),
    { numRuns: 200 },
  );
});

import { attributeAt, hostAttributes } from '../host-attributes.ts';
import type { HostState } from '../host-state.ts';
import { matchesExtraSpec } from './extra-spec-match.ts';
import { pass, reject, type HostFilter, type Placing } from './filter.ts';

/** What a flavor asks for by extra spec; a wish for address bits is one for a capability. */
const wishes = ({ spec }: Placing): readonly (readonly [string, string])[] =>
  Object.entries(spec.flavor.extraSpecs).map(([key, requirement]) =>
    key === 'hw:maxphysaddr_bits' ? ['capabilities:cpu_info:maxphysaddr:bits', `>= ${requirement}`] : [key, requirement],
  );

const isScoped = (key: string): boolean => key.startsWith('capabilities:');

/** Keeps hosts that have every capability the flavor's extra specs ask for: `capabilities:a:b`, and unscoped keys the host knows. */
export const computeCapabilitiesFilter: HostFilter = {
  name: 'ComputeCapabilitiesFilter',
  once: true,
  concerns: (placing) => wishes(placing).some(([key]) => isScoped(key) || !key.includes(':')),
  check(host: HostState, placing) {
    for (const [key, requirement] of wishes(placing)) {
      if (!isScoped(key) && (key.includes(':') || !Object.hasOwn(hostAttributes(host), key))) continue;
      const path = isScoped(key) ? key.split(':').slice(1) : [key];
      const value = attributeAt(host, path);
      if (value === undefined) return reject('without a capability the flavor asks for', `it does not say what its ${path.join(':')} is`);
      const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
      if (!matchesExtraSpec(text, requirement))
        return reject('without a capability the flavor asks for', `its ${path.join(':')} is ${text}, not ${requirement}`);
    }
    return pass;
  },
};

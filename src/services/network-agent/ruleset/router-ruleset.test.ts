import { describe, expect, it } from 'vitest';
import { parseAddress, parseInterfaceAddress, parseMac } from '../address.ts';
import type { CheckedRouter } from '../wish/checked-wish.ts';
import { routerRuleset } from './router-ruleset.ts';

const [id, port, network] = [
  '11111111-1111-4111-8111-111111111111',
  '22222222-1111-4111-8111-111111111111',
  '33333333-1111-4111-8111-111111111111',
] as const;
const floating = (outer: string, inner: string): CheckedRouter['floatingIps'][number] => ({
  floating: parseAddress(outer)!,
  fixed: parseAddress(inner)!,
});
const router: CheckedRouter = {
  id,
  interfaces: [],
  routes: [],
  gateway: {
    portId: port,
    networkId: network,
    mac: parseMac('fa:16:3e:00:00:01')!,
    addresses: [parseInterfaceAddress('198.51.100.5/24')!],
    nextHop: null,
    snat: true,
  },
  floatingIps: [floating('198.51.100.50', '10.0.0.3'), floating('198.51.100.51', '10.0.0.3'), floating('198.51.100.52', '10.0.0.4')],
};

describe('the ruleset of a router', () => {
  it('translates floating addresses both ways and hides the rest', async () => {
    await expect(routerRuleset(router)).toMatchFileSnapshot('golden/router.nft');
  });

  it('hides and shelters nothing without source translation', () => {
    const text = routerRuleset({ ...router, floatingIps: [], gateway: { ...router.gateway!, snat: false } });
    expect(text.match(/snat|dnat|drop/g)).toEqual(null);
  });

  it('has no rules without a gateway', () => {
    expect(routerRuleset({ ...router, gateway: null })).toBe('table ip router { }\ndelete table ip router\ntable ip router {\n}\n');
  });
});

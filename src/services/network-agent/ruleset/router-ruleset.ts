import type { CheckedRouter } from '../wish/checked-wish.ts';
import { insideName } from '../names.ts';
import { chain, replacement } from './host-ruleset.ts';

/** The name of the table in a router's own namespace, where it meets no other. */
export const routerTable = 'router';
const turnsBack = '0x1';

/**
 * A router's address translation: floating addresses both ways, everything else behind the gateway's address. A guest that calls another
 * guest of the router by its floating address is turned back inside, and must be answered through the router again, hence the mark.
 */
export function routerRuleset(router: CheckedRouter): string {
  const { gateway } = router;
  if (gateway === null) return replacement('ip', routerTable, []);
  const out = insideName('qg', gateway.portId);
  const own = gateway.addresses.find(({ version }) => version === 4)?.address.text ?? null;
  const floating = router.floatingIps.filter((each) => each.floating.version === 4 && each.fixed.version === 4);
  const inward = mapOf(floating.map((each) => [each.floating.text, each.fixed.text]));
  const outward = mapOf(floating.map((each) => [each.fixed.text, each.floating.text]));
  const has = floating.length > 0;
  return replacement('ip', routerTable, [
    chain('turning', [
      'type filter hook prerouting priority -150',
      ...(has
        ? [
            `iifname != "${out}" ip daddr { ${[...new Set(floating.map((each) => each.floating.text))].join(', ')} } meta mark set ${turnsBack}`,
          ]
        : []),
    ]),
    chain('inward', ['type nat hook prerouting priority -100', ...(has ? [`dnat to ip daddr map ${inward}`] : [])]),
    chain('outward', [
      'type nat hook postrouting priority 100',
      ...(has ? [`oifname "${out}" snat to ip saddr map ${outward}`, `meta mark ${turnsBack} snat to ip saddr map ${outward}`] : []),
      ...(has && own !== null ? [`meta mark ${turnsBack} snat to ${own}`] : []),
      ...(gateway.snat && own !== null ? [`oifname "${out}" ip saddr != ${own} snat to ${own}`] : []),
    ]),
    // behind address translation the inner addresses are nobody's business outside
    chain('shelter', [
      'type filter hook forward priority 0',
      ...(gateway.snat ? [`iifname "${out}" ct state new ct status & dnat == 0 counter drop`] : []),
    ]),
  ]);
}

function mapOf(pairs: readonly (readonly [string, string])[]): string {
  const once = new Map(pairs.toReversed()); // the first of two wins
  return `{ ${[...once]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([from, to]) => `${from} : ${to}`)
    .join(', ')} }`;
}

import type { Decision } from '../../domain/decision.ts';
import { ago, countOf, textTable } from './text-table.ts';

export function decisionsText(decisions: readonly Decision[], now: number): string {
  if (decisions.length === 0) return 'Nothing has been decided yet.\n';
  const rows = decisions.map(({ id, at, instanceIds, flavor, ms, destinations, explanation }) => [
    id,
    ago(at, now),
    countOf(instanceIds.length, 'server'),
    flavor,
    `${ms} ms`,
    explanation === null ? [...new Set(destinations.map(({ host }) => host))].join(', ') : explanation.detail,
  ]);
  return textTable(['DECISION', 'MADE', 'FOR', 'FLAVOR', 'TOOK', 'RESULT'], rows);
}

/** One decision: where the servers went, or why they went nowhere, host by host. */
export function decisionText({ id, at, ms, requestId, instanceIds, projectId, flavor, destinations, explanation }: Decision): string {
  const facts = [
    ['decision', id],
    ['made', `${at}, in ${ms} ms`],
    ['request', requestId ?? 'not known'],
    ['servers', instanceIds.join(', ')],
    ['project', projectId],
    ['flavor', flavor],
  ];
  const head = facts.map(([name = '', value = '']) => `${name.padEnd(8)}  ${value}\n`).join('');
  if (explanation === null) {
    const rows = destinations.map(({ instanceId, host, node, alternates }) => [instanceId, host, node, alternates.join(', ') || '–']);
    return `${head}\n${textTable(['SERVER', 'HOST', 'NODE', 'OTHERWISE'], rows)}`;
  }
  const { detail, reasons, hosts, omitted, query } = explanation;
  const why = reasons.map(({ constraint, count, nearest }) => [String(count), constraint, nearest.host, nearest.because]);
  const each = hosts.map(({ host, node, zone, rank, because }) => [
    host,
    node,
    zone,
    rank === null ? 'no' : `yes, number ${rank}`,
    because ?? '',
  ]);
  return [
    `${head}\n${detail}\n`,
    ...(query === '' ? [] : [`Placement was asked: ${decodeURIComponent(query)}\n`]),
    ...(why.length === 0 ? [] : [`\n${textTable(['HOSTS', 'ARE', 'NEAREST', 'WHICH'], why)}`]),
    ...(each.length === 0 ? [] : [`\n${textTable(['HOST', 'NODE', 'ZONE', 'DOES', 'BECAUSE IT'], each)}`]),
    ...(omitted === 0 ? [] : [`… and ${countOf(omitted, 'host')} more\n`]),
  ].join('');
}

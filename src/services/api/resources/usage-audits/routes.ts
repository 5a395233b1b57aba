import { lastAuditPeriod } from '../../../../domain/audit-period.ts';
import { invalid } from '../../../../lib/errors.ts';
import { listServices } from '../../../../store/services.ts';
import { usageAudits } from '../../../../store/usage-audits.ts';
import { route, type ApiDeps } from '../../deps.ts';
import { noQuery } from '../../queries.ts';

const shown = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

/** How far the audits of the last period before `now` are. */
async function auditsBefore(deps: ApiDeps, now: number) {
  const period = lastAuditPeriod(deps.settings.DEFAULT.instance_usage_audit_period, now);
  const [audits, services] = await Promise.all([usageAudits(deps.stores, period), listServices(deps.stores)]);
  const hosts = new Set(services.filter(({ binary }) => binary === 'nova-compute').map(({ host }) => host));
  const inState = (wanted: string): number => audits.filter(({ state }) => state === wanted).length;
  const audited = new Set(audits.map(({ host }) => host));
  const missing = [...hosts].filter((host) => !audited.has(host));
  const sum = (of: 'instances' | 'errors'): number => audits.reduce((total, audit) => total + audit[of], 0);
  const done = inState('DONE');
  return {
    period_beginning: shown(period.begin),
    period_ending: shown(period.end),
    num_hosts: hosts.size,
    num_hosts_done: done,
    num_hosts_running: inState('RUNNING'),
    num_hosts_not_run: missing.length,
    hosts_not_run: missing,
    total_instances: sum('instances'),
    total_errors: sum('errors'),
    overall_status: `${done === hosts.size ? 'ALL' : `${done} of ${hosts.size}`} hosts done. ${sum('errors')} errors.`,
    log: Object.fromEntries(audits.map(({ host, state, instances, errors, message }) => [host, { state, instances, errors, message }])),
  };
}

/** The moment a path names: `2026-03-01 00:00:00`, in UTC. */
function momentOf(text: string): number {
  const at = /^\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}(\.\d{1,6})?$/.test(text) ? Date.parse(`${text}Z`) : Number.NaN;
  const [, day] = /^\d+-\d+-(\d+)/.exec(text) ?? [];
  if (Number.isNaN(at) || new Date(at).getUTCDate() !== Number(day)) throw invalid(`Invalid timestamp for date ${text.slice(0, 80)}`);
  return at;
}

export const usageAuditRoutes = [
  route({
    method: 'GET',
    path: '/os-instance_usage_audit_log',
    summary: 'Show how far the audits of usage in the last period are',
    policy: 'os_compute_api:os-instance-usage-audit-log:list',
    query: noQuery,
    reply: { status: 200, key: 'instance_usage_audit_logs' },
    handle: ({ deps }) => auditsBefore(deps, deps.clock.now()),
  }),
  route({
    method: 'GET',
    path: '/os-instance_usage_audit_log/:before',
    summary: 'Show how far the audits of usage in the last period before a moment are',
    policy: 'os_compute_api:os-instance-usage-audit-log:show',
    query: noQuery,
    reply: { status: 200, key: 'instance_usage_audit_log' },
    handle: ({ params, deps }) => auditsBefore(deps, momentOf(params.before)),
  }),
];

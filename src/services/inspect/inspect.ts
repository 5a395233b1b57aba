import type { AuditReport } from '../../contracts/conductor.ts';
import type { HostSummary, MoveSummary, SagaDetail, SagaSummary } from '../../contracts/operator.ts';
import type { ReconcilerStatus } from '../../lib/reconciler/reconciler.ts';
import type { Decision } from '../../domain/decision.ts';
import { decisionsText, decisionText } from './decision-reports.ts';
import { movesText } from './move-report.ts';
import { auditText, hostsText, reconcilersText, sagasText, sagaText } from './reports.ts';
import { noCloud, openOperatorClient, type OperatorClient } from '../../clients/operator.ts';

export { isNoCloud } from '../../clients/operator.ts';

export interface InspectOptions {
  readonly statePath: string;
  readonly openrc: string;
  /** Whether a process runs the cloud of this directory. */
  readonly running: boolean;
  readonly json: boolean;
  readonly write: (text: string) => void;
}

/** What one can look at. */
export type Inspection =
  | { readonly what: 'audit'; readonly repair: boolean }
  | { readonly what: 'sagas'; readonly all: boolean }
  | { readonly what: 'saga'; readonly id: string }
  | { readonly what: 'decision'; readonly id: string }
  | { readonly what: 'decisions'; readonly failed: boolean }
  | { readonly what: 'moves'; readonly all: boolean }
  | { readonly what: 'reconcilers' }
  | { readonly what: 'hosts' };

/** Exit codes: 0 is well, 1 is not; without a cloud it throws. */
export async function inspect(options: InspectOptions, inspection: Inspection): Promise<number> {
  if (!options.running)
    throw noCloud(
      `No cloud runs in ${options.statePath}.${inspection.what === 'audit' ? ' What one has left on this host: kilonova inspect audit --host' : ''}`,
    );
  await using client = await openOperatorClient(options.openrc);
  const { answer, text, exitCode } = await look(client, inspection);
  options.write(options.json ? `${JSON.stringify(answer, null, 2)}\n` : text);
  return exitCode;
}

interface Seen {
  readonly answer: unknown;
  readonly text: string;
  readonly exitCode: number;
}

async function look(client: OperatorClient, inspection: Inspection): Promise<Seen> {
  const now = Date.now();
  switch (inspection.what) {
    case 'audit': {
      const report = await client.ask<AuditReport>(inspection.repair ? 'POST' : 'GET', '/audit');
      return { answer: report, text: auditText(report), exitCode: isWell(report) ? 0 : 1 };
    }
    case 'sagas': {
      const answer = await client.ask<{ readonly sagas: readonly SagaSummary[] }>('GET', `/sagas${inspection.all ? '?all=true' : ''}`);
      return { answer, text: sagasText(answer.sagas, now, inspection.all), exitCode: 0 };
    }
    case 'saga': {
      const answer = await client.ask<SagaDetail>('GET', `/sagas/${encodeURIComponent(inspection.id)}`);
      return { answer, text: sagaText(answer, now), exitCode: 0 };
    }
    case 'decision': {
      const answer = await client.ask<Decision>('GET', `/decisions/${encodeURIComponent(inspection.id)}`);
      return { answer, text: decisionText(answer), exitCode: 0 };
    }
    case 'decisions': {
      const answer = await client.ask<{ readonly decisions: readonly Decision[] }>(
        'GET',
        `/decisions${inspection.failed ? '?failed=true' : ''}`,
      );
      return { answer, text: decisionsText(answer.decisions, now), exitCode: 0 };
    }
    case 'moves': {
      const answer = await client.ask<{ readonly moves: readonly MoveSummary[] }>('GET', `/moves${inspection.all ? '?ended=1000' : ''}`);
      return { answer, text: movesText(answer.moves, now), exitCode: 0 };
    }
    case 'reconcilers': {
      const answer = await client.ask<{ readonly reconcilers: readonly ReconcilerStatus[] }>('GET', '/reconcilers');
      return {
        answer,
        text: reconcilersText(answer.reconcilers, now),
        exitCode: answer.reconcilers.some(({ lastError }) => lastError !== null) ? 1 : 0,
      };
    }
    case 'hosts':
    default: {
      const answer = await client.ask<{ readonly hosts: readonly HostSummary[] }>('GET', '/hosts');
      return { answer, text: hostsText(answer.hosts, now), exitCode: answer.hosts.every(({ up }) => up) ? 0 : 1 };
    }
  }
}

/** Everything was looked at but hosts that are away, and what was found is mended. */
const isWell = ({ findings, notAudited }: AuditReport): boolean =>
  findings.every(({ outcome }) => outcome === 'mended') && notAudited.every(({ kind }) => kind === 'host');

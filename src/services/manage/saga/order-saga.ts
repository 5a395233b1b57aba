import { isNoCloud, noCloud, openOperatorClient } from '../../../clients/operator.ts';
import type { SagaConsequences, SagaOrder, SagaOrdered } from '../../../contracts/operator.ts';
import { isKind, messageOf } from '../../../lib/errors.ts';

export interface SagaOrderOptions {
  readonly statePath: string;
  readonly openrc: string;
  /** Whether a process runs the cloud of this directory. */
  readonly running: boolean;
  readonly write: (text: string) => void;
  /** Where refusals go that are for people. */
  readonly warn: (text: string) => void;
}

export interface SagaCommand {
  readonly id: string;
  readonly order: SagaOrder;
  readonly json: boolean;
  /** Of an order that cannot be taken back: its consequences are accepted. */
  readonly yes?: boolean;
}

const exitCodes = { done: 0, refused: 1, notConfirmed: 3, noCloud: 4 } as const;

/** Gives an order about an operation; shows the consequences of one that cannot be taken back first. */
export async function orderSaga(options: SagaOrderOptions, command: SagaCommand): Promise<number> {
  const { write } = options;
  const tell = (answer: object, text: string): void => write(command.json ? `${JSON.stringify(answer, null, 2)}\n` : text);
  try {
    if (!options.running) throw noCloud(`No cloud runs in ${options.statePath}.`);
    await using client = await openOperatorClient(options.openrc);
    const { id, order } = command;
    const path = `/sagas/${encodeURIComponent(id)}`;
    const forced = order === 'force' || order === 'end';
    const consequences = forced
      ? await client.ask<SagaConsequences>('GET', `${path}/consequences${order === 'end' ? '?end=true' : ''}`)
      : null;
    if (forced && command.yes !== true) {
      tell(
        { order, confirmed: false, consequences },
        `${consequencesText(consequences!, order)}\nNothing has been done. To do it: kilonova manage saga force ${order === 'end' ? '--end ' : ''}--yes ${id}\n`,
      );
      return exitCodes.notConfirmed;
    }
    const { said } = await client.ask<SagaOrdered>('POST', `${path}/order`, { order });
    tell(
      { order, said, ...(consequences === null ? {} : { confirmed: true, consequences }) },
      `${consequences === null ? '' : `${consequencesText(consequences, order)}\n`}${said}\n`,
    );
    return exitCodes.done;
  } catch (error) {
    if (!isNoCloud(error) && !isKind(error, 'conflict', 'notFound')) throw error;
    const message = messageOf(error);
    if (command.json) tell({ order: command.order, refused: message }, '');
    else options.warn(`kilonova: ${message}\n`);
    return isNoCloud(error) ? exitCodes.noCloud : exitCodes.refused;
  }
}

/** What would follow, in the order in which an operator asks. */
export function consequencesText(consequences: SagaConsequences, order: SagaOrder): string {
  const { step, direction, goesOn, staysDone, neverDone, holds, findings, notSeen } = consequences;
  const what = direction === 'backward' ? `the undo of step ${step}` : `step ${step}`;
  const part = (title: string, lines: readonly string[], none: string): string =>
    lines.length === 0 ? `${title}: ${none}\n` : `${title}:\n${lines.map((line) => `  ${line}\n`).join('')}`;
  return [
    order === 'end'
      ? `The operation ends as it is, at ${what}.\n`
      : `${what[0]!.toUpperCase()}${what.slice(1)} is passed over and counts as done.\n`,
    part('Goes on by itself', goesOn, 'nothing'),
    part('Stays done', staysDone, 'nothing'),
    part('Is never done', neverDone, 'nothing'),
    part('There is now', holds, 'nothing'),
    part(
      'An audit would find, if nothing more were done',
      findings.map(
        ({ invariant, subject, what: wrong, repair, outcome }) =>
          `${subject} (${invariant}): ${wrong} ${repair}${outcome === 'mendable' ? ' (by itself)' : ''}`,
      ),
      'nothing',
    ),
    ...(notSeen.length === 0 ? [] : [part('Could not be looked at', notSeen, '')]),
  ].join('');
}

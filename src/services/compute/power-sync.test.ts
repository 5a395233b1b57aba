import { describe, expect, it } from 'vitest';
import { powerStates as p, type PowerState, type VmState } from '../../domain/instance.ts';
import { powerMending } from './power-sync.ts';

const judged = (vmState: VmState, recorded: PowerState, actual: PowerState | null): string => {
  const mending = powerMending({ vmState, taskState: null, powerState: recorded }, actual);
  return mending.kind === 'tell' ? mending.event : mending.kind;
};

describe('powerMending', () => {
  it.each<[VmState, PowerState, PowerState | null, string]>([
    ['active', p.running, p.running, 'nothing'],
    ['active', p.running, p.shutdown, 'stopped'],
    ['active', p.running, p.crashed, 'crashed'],
    ['active', p.running, p.paused, 'paused'],
    ['active', p.shutdown, p.shutdown, 'stopped'],
    ['active', p.running, null, 'lost'],
    ['active', p.running, p.noState, 'nothing'],
    ['stopped', p.shutdown, p.shutdown, 'nothing'],
    ['stopped', p.shutdown, p.running, 'powerOff'],
    ['stopped', p.shutdown, p.paused, 'powerOff'],
    ['stopped', p.running, p.shutdown, 'stopped'],
    ['stopped', p.shutdown, null, 'lost'],
    ['soft-delete', p.shutdown, p.running, 'powerOff'],
    ['shelved', p.shutdown, p.running, 'powerOff'],
    ['paused', p.paused, p.shutdown, 'stopped'],
    ['paused', p.paused, p.paused, 'nothing'],
    ['suspended', p.shutdown, p.shutdown, 'nothing'],
    ['building', p.noState, p.running, 'nothing'],
    ['building', p.noState, null, 'nothing'],
    ['error', p.noState, null, 'nothing'],
    ['error', p.running, p.shutdown, 'stopped'],
    ['shelved_offloaded', p.shutdown, null, 'nothing'],
  ])('%s, recorded as %i and found as %s: %s', (vmState, recorded, actual, expected) => {
    expect(judged(vmState, recorded, actual)).toBe(expected);
  });

  it('leaves alone what is being worked on', () => {
    expect(powerMending({ vmState: 'stopped', taskState: 'powering-on', powerState: p.shutdown }, p.running)).toEqual({ kind: 'nothing' });
  });
});

import Type from 'typebox';
import { plainBody } from '../../../../lib/http/versioned-body.ts';
import { serverAction } from '../../deps.ts';
import { operate } from './operate.ts';

export const crashDumpActions = [
  serverAction({
    key: 'trigger_crash_dump',
    since: '2.17',
    summary: 'Have the guest of a server write a crash dump',
    policy: 'os_compute_api:servers:trigger_crash_dump',
    body: plainBody('TriggerCrashDump', Type.Null()),
    reply: { status: 202 },
    handle: async ({ loaded, ctx, deps }) => void (await operate(deps, ctx, loaded, 'triggerCrashDump', { name: 'trigger-crash-dump' })),
  }),
];

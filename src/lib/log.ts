import { pino, type DestinationStream, type Logger } from 'pino';

/** A structured logger: a constant message, ids as fields, the error under `err`. */
export type Log = Logger;

/** Keys whose values never reach a log, wherever they stand in what is logged. */
const secretKeys = ['password', 'adminPass', 'admin_pass', 'secret', 'token', 'authorization', 'private_key', 'userData', 'user_data'];
const redactedPaths = [...secretKeys, ...secretKeys.map((key) => `*.${key}`), ...secretKeys.map((key) => `*.*.${key}`), '*["x-auth-token"]'];

export function createLog(options: { readonly name: string; readonly level?: string; readonly to?: DestinationStream }): Log {
  const settings = {
    name: options.name,
    level: options.level ?? 'info',
    redact: { paths: redactedPaths, censor: '***' },
    base: { name: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return options.to === undefined ? pino(settings) : pino(settings, options.to);
}

/** A logger that says nothing, for tests and scripts. */
export const silentLog: Log = pino({ level: 'silent' });

import { pino, type DestinationStream, type Logger } from 'pino';
import { isSecretKey, withoutSecrets } from './secrets.ts';

/** A structured logger: a constant message, ids as fields, the error under `err`. */
export type Log = Logger;

/** An error with its causes, its fields and no secret; of a refused row only which table refused it, for the row may hold one. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return withoutSecrets(error);
  const { detail, ...shown } = withoutSecrets({ ...pino.stdSerializers.err(error) }) as Record<string, unknown>;
  return detail === undefined || (typeof detail === 'string' && detail.startsWith('Failing row contains')) ? shown : { ...shown, detail };
}

/** Fields without secrets, wherever they stand. */
function clean(fields: Record<string, unknown>): Record<string, unknown> {
  const cleaned = Object.entries(fields).map(([key, value]) => {
    if (isSecretKey(key)) return [key, value == null ? value : '***'] as const;
    if (key === 'err') return [key, value] as const; // the serializer's
    return [key, value instanceof Error ? serializeError(value) : withoutSecrets(value)] as const;
  });
  return Object.fromEntries(cleaned);
}

/** What a child logger is given once, pino hands to no formatter: these keys, wherever they stand in it. */
const secretBindings = ['password', 'adminPass', 'admin_pass', 'secret', 'token', 'authorization', 'private_key', 'userData', 'user_data'];
const redactedPaths = ['', '*.', '*.*.'].flatMap((above) => secretBindings.map((key) => `${above}${key}`));

export function createLog(options: { readonly name: string; readonly level?: string; readonly to?: DestinationStream }): Log {
  const settings = {
    name: options.name,
    level: options.level ?? 'info',
    formatters: { log: clean },
    serializers: { err: serializeError },
    redact: { paths: redactedPaths, censor: '***' },
    base: { name: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return options.to === undefined ? pino(settings) : pino(settings, options.to);
}

/** A logger that says nothing, for tests and scripts. */
export const silentLog: Log = pino({ level: 'silent' });

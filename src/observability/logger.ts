import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import type { Config } from '../config.ts';
import { cleanErrorText, type Redact, redactor, secretsOf } from './redact.ts';

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** pino's, without children: their fields would be written as they are. */
export type Logger = Pick<PinoLogger, Level | 'isLevelEnabled' | 'flush'>;

/** Fields that are never logged, whatever they hold. */
const SECRET_FIELDS = ['password', 'token', 'adminToken', 'readToken', 'authorization', 'payload', 'value'];

/**
 * JSON lines on stdout, or on `destination`. Secrets of the configuration, and what looks like one, are taken out of
 * every text and field; of an error only its name, code, kind, text, stack and causes are kept, for drivers attach the
 * values of statements to theirs.
 */
export function createLogger(
  config: Pick<Config, 'logging' | 'http' | 'log' | 'store' | 'mirror'>,
  destination: DestinationStream = pino.destination({ dest: 1, sync: true }),
): Logger {
  const redact = redactor(secretsOf(config));
  const paths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]);
  return pino(
    {
      level: config.logging.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (fields: unknown) => fields },
      redact: { paths, censor: '[redacted]' },
      hooks: {
        logMethod(args, method) {
          // pino's types cannot say that what goes in with the shape of arguments comes out with it.
          method.apply(this, args.map((arg: unknown) => clean(arg, redact)) as typeof args);
        },
      },
    },
    destination,
  );
}

/** What is logged deeper than this is no fact about an event but an object of a library. */
const MAX_DEPTH = 5;

function clean(value: unknown, redact: Redact, depth = 0): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Error) return depth === 0 ? { err: cleanError(value, redact) } : cleanError(value, redact);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth === MAX_DEPTH) return '[cut]';
  if (Array.isArray(value)) return value.map((item) => clean(item, redact, depth + 1));
  return cleanFields(value, redact, depth);
}

function cleanFields(fields: object, redact: Redact, depth: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, clean(value, redact, depth + 1)]));
}

function cleanError(error: Error, redact: Redact, depth = 0): Record<string, unknown> {
  const { code, kind } = error as { code?: unknown; kind?: unknown };
  const text = (value: string) => cleanErrorText(redact(value));
  return {
    name: error.name,
    ...(typeof code === 'string' && { code }),
    ...(typeof kind === 'string' && { kind }),
    message: text(error.message),
    ...(error.stack !== undefined && { stack: text(error.stack) }),
    ...(error.cause instanceof Error && depth < MAX_DEPTH && { cause: cleanError(error.cause, redact, depth + 1) }),
  };
}

import {
  boolean,
  brokers,
  duration,
  type Format,
  integer,
  keyPrefix,
  oneOf,
  pem,
  port,
  size,
  text,
  token,
  topicName,
  url,
} from './formats.ts';

/** A variable of the environment. */
export interface Variable<T> {
  readonly format: Format<Exclude<T, null>>;
  /** As it would be written; null where the setting is absent unless it is given. */
  readonly byDefault: string | null;
  /** `secret`: may be given as NAME_FILE instead, and is never quoted. `file`: the setting is the named file's text. */
  readonly given: 'plain' | 'secret' | 'file';
}

function withDefault<T>(format: Format<Exclude<T, null>>, byDefault: string): Variable<T> {
  return { format, byDefault, given: 'plain' };
}

function optional<T>(format: Format<T>, given: Variable<T>['given'] = 'plain'): Variable<T | null> {
  return { format: format as Format<Exclude<T, null>>, byDefault: null, given };
}

const secret = <T>(format: Format<T>) => optional(format, 'secret');
const file = <T>(format: Format<T>) => optional(format, 'file');

/** Every variable the service reads; .env.example lists the same names and defaults, and says what each is for. */
export const VARIABLES = {
  NODE_ENV: optional(text),
  HTTP_HOST: withDefault(text, '127.0.0.1'),
  HTTP_PORT: withDefault(port(0), '8080'),
  PORT: optional(port(0)),
  ADMIN_TOKEN: secret(token),
  READ_TOKEN: secret(token),
  DATA_DIR: withDefault(text, './data'),
  STORE: optional(oneOf('embedded')),
  START_FROM: withDefault(oneOf('earliest', 'latest'), 'earliest'),
  // Both end up in timers, which know no more than 24 days.
  START_TIMEOUT: withDefault(duration('0s', '24h'), '30s'),
  SHUTDOWN_DEADLINE: withDefault(duration('0s', '24h'), '10s'),
  KAFKA_BROKERS: optional(brokers),
  KAFKA_CLIENT_ID: withDefault(text, 'order-pipeline'),
  KAFKA_GROUP_ID: withDefault(text, 'order-pipeline'),
  KAFKA_TOPIC: withDefault(topicName, 'order-events'),
  KAFKA_PARTITIONS: withDefault(integer(1, 1000), '6'),
  KAFKA_REPLICATION_FACTOR: withDefault(integer(-1, 100), '-1'),
  KAFKA_SSL: withDefault(boolean, 'false'),
  KAFKA_SSL_CA_FILE: file(pem),
  KAFKA_SSL_CERT_FILE: file(pem),
  KAFKA_SSL_KEY_FILE: file(pem),
  KAFKA_SASL_MECHANISM: optional(oneOf('plain', 'scram-sha-256', 'scram-sha-512')),
  KAFKA_SASL_USERNAME: optional(text),
  KAFKA_SASL_PASSWORD: secret(text),
  SQLSERVER_HOST: optional(text),
  SQLSERVER_PORT: withDefault(port(1), '1433'),
  SQLSERVER_DATABASE: withDefault(text, 'orders'),
  SQLSERVER_USER: optional(text),
  SQLSERVER_PASSWORD: secret(text),
  SQLSERVER_TRUST_CERTIFICATE: withDefault(boolean, 'false'),
  POSTGRES_URL: secret(url(['postgres:', 'postgresql:'], 'postgres://user:password@host:5432/database')),
  REDIS_URL: secret(url(['redis:', 'rediss:'], 'redis://user:password@host:6379')),
  DLQ_PREFIX: withDefault(keyPrefix, 'dlq:{orders}'),
  CONSUMER_CONCURRENCY: withDefault(integer(1, 100), '3'),
  BATCH_MAX_RECORDS: withDefault(integer(1, 10_000), '1000'),
  BATCH_MAX_BYTES: withDefault(size('1KiB', '256MiB'), '4MiB'),
  MAX_EVENT_BYTES: withDefault(size('1KiB', '256MiB'), '256KiB'),
  MAX_CLOCK_AHEAD: withDefault(duration('0s', '36500d'), '1h'),
  PARK_MAX_AGE: withDefault(duration('1s', '36500d'), '24h'),
  LEDGER_RETENTION: withDefault(duration('1s', '36500d'), '30d'),
  UNKNOWN_TYPES: withDefault(oneOf('dead', 'ignore'), 'dead'),
  LOG_LEVEL: withDefault(oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), 'info'),
  LOG_EVENTS: withDefault(boolean, 'false'),
} satisfies Record<string, Variable<unknown>>;

export type Name = keyof typeof VARIABLES;

/** Every variable's value, parsed. */
export type Settings = { readonly [N in Name]: (typeof VARIABLES)[N] extends Variable<infer T> ? T : never };

export const NAMES = Object.keys(VARIABLES) as Name[];

/** The names that may occur: those of the table, and NAME_FILE for every secret. */
export const KNOWN_NAMES: readonly string[] = NAMES.flatMap((name) =>
  VARIABLES[name].given === 'secret' ? [name, `${name}_FILE`] : [name],
);

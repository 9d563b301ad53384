import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkTogether, isLoopback } from './config/checks.ts';
import { readDotEnv } from './config/dot-env.ts';
import { type Environment, givenText, type Problem, type ReadFile, readSettings } from './config/read-settings.ts';
import type { Config, ConsumerConfig, HttpConfig, KafkaConfig, LogConfig, StoreConfig } from './config/shape.ts';
import type { Settings } from './config/variables.ts';
import { warningsOf } from './config/warnings.ts';
import { PipelineError } from './errors.ts';

export type { Problem } from './config/read-settings.ts';
export type * from './config/shape.ts';

/** Every mistake of the configuration at once. */
export class ConfigError extends PipelineError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(({ name, problem }) => `\n  ${name} ${problem}`);
    super('defect', 'CONFIG_INVALID', `the configuration cannot be used:${lines.join('')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * The environment of this process, completed by the .env file of the working directory; where both have a name the
 * environment wins, also if it is empty there. Nothing else reads process.env, and nothing writes to it.
 *
 * @throws ConfigError if there is a .env file that cannot be read or understood
 */
export function readEnvironment(directory: string = process.cwd()): Environment {
  const { variables, problems } = readDotEnv(join(directory, '.env'));
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...variables, ...process.env };
}

/**
 * Makes a configuration of names and texts. The same names and texts give the same configuration; files are read only
 * where a secret is given as NAME_FILE or a KAFKA_SSL_*_FILE is named.
 *
 * @throws ConfigError
 */
export function loadConfig(env: Environment, readFile: ReadFile = (path) => readFileSync(path, 'utf8')): Config {
  const { settings, problems, wrong } = readSettings(env, readFile);
  const all = [...problems, ...checkTogether(settings, wrong)];
  if (all.length > 0) throw new ConfigError(all);
  return deepFreeze({
    production: settings.NODE_ENV === 'production',
    http: httpConfig(env, settings),
    log: logConfig(settings),
    store: storeConfig(settings),
    mirror: settings.REDIS_URL === null ? null : { url: settings.REDIS_URL, prefix: settings.DLQ_PREFIX },
    consumer: consumerConfig(settings),
    dataDir: settings.DATA_DIR,
    logging: { level: settings.LOG_LEVEL, logEvents: settings.LOG_EVENTS },
    startTimeoutMs: settings.START_TIMEOUT,
    shutdownDeadlineMs: settings.SHUTDOWN_DEADLINE,
    warnings: warningsOf(env, settings),
  });
}

function httpConfig(env: Environment, s: Settings): HttpConfig {
  return {
    host: s.HTTP_HOST,
    port: givenText(env, 'HTTP_PORT') === null ? (s.PORT ?? s.HTTP_PORT) : s.HTTP_PORT,
    loopbackOnly: isLoopback(s.HTTP_HOST),
    adminToken: s.ADMIN_TOKEN,
    readToken: s.READ_TOKEN,
  };
}

function logConfig(s: Settings): LogConfig {
  const topic = { topic: s.KAFKA_TOPIC, partitions: s.KAFKA_PARTITIONS };
  if (s.KAFKA_BROKERS === null) return { kind: 'embedded', ...topic };
  return {
    kind: 'kafka',
    ...topic,
    brokers: s.KAFKA_BROKERS,
    clientId: s.KAFKA_CLIENT_ID,
    groupId: s.KAFKA_GROUP_ID,
    replicationFactor: s.KAFKA_REPLICATION_FACTOR,
    ssl: s.KAFKA_SSL ? { ca: s.KAFKA_SSL_CA_FILE, cert: s.KAFKA_SSL_CERT_FILE, key: s.KAFKA_SSL_KEY_FILE } : null,
    sasl: saslConfig(s),
  };
}

function saslConfig(s: Settings): KafkaConfig['sasl'] {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = s;
  return mechanism === null || username === null || password === null ? null : { mechanism, username, password };
}

function storeConfig(s: Settings): StoreConfig {
  if (s.POSTGRES_URL !== null) return { kind: 'postgres', url: s.POSTGRES_URL };
  const { SQLSERVER_HOST: host, SQLSERVER_USER: user, SQLSERVER_PASSWORD: password } = s;
  if (host === null || user === null || password === null) return { kind: 'embedded' };
  const server = { host, port: s.SQLSERVER_PORT, database: s.SQLSERVER_DATABASE, user, password };
  return { kind: 'sqlserver', ...server, trustCertificate: s.SQLSERVER_TRUST_CERTIFICATE };
}

function consumerConfig(s: Settings): ConsumerConfig {
  return {
    startFrom: s.START_FROM,
    concurrency: s.CONSUMER_CONCURRENCY,
    batchMaxRecords: s.BATCH_MAX_RECORDS,
    batchMaxBytes: s.BATCH_MAX_BYTES,
    maxEventBytes: s.MAX_EVENT_BYTES,
    maxClockAheadMs: s.MAX_CLOCK_AHEAD,
    parkMaxAgeMs: s.PARK_MAX_AGE,
    ledgerRetentionMs: s.LEDGER_RETENTION,
    unknownTypes: s.UNKNOWN_TYPES,
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

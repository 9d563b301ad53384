import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KNOWN_NAMES, NAMES, VARIABLES } from '../src/config/variables.ts';
import { ConfigError, loadConfig, type Problem, readEnvironment } from '../src/config.ts';

function problemsOf(env: Record<string, string>, files: Record<string, string> = {}): readonly Problem[] {
  try {
    loadConfig(env, readFrom(files));
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function wrongNames(env: Record<string, string>): string[] {
  return problemsOf(env).map(({ name }) => name);
}

function readFrom(files: Record<string, string>): (path: string) => string {
  return (path) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
}

const SQLSERVER = { SQLSERVER_HOST: 'sql', SQLSERVER_USER: 'app', SQLSERVER_PASSWORD: 'p w' };
const POSTGRES_URL = 'postgres://app:secret@db:5432/orders';

describe('choice of parts', () => {
  test('nothing configured is an embedded log and store, no mirror, on loopback', () => {
    const config = loadConfig({});
    expect(config.log).toEqual({ kind: 'embedded', topic: 'order-events', partitions: 6 });
    expect(config.store).toEqual({ kind: 'embedded' });
    expect(config.mirror).toBeNull();
    expect(config.http).toEqual({
      host: '127.0.0.1',
      port: 8080,
      loopbackOnly: true,
      adminToken: null,
      readToken: null,
    });
    expect(config.warnings).toEqual([]);
  });

  test('each server that is named is used', () => {
    const kafka = loadConfig({ KAFKA_BROKERS: 'a:9092, b:9093', REDIS_URL: 'redis://r:6379', ...SQLSERVER });
    expect(kafka.log).toMatchObject({ kind: 'kafka', brokers: ['a:9092', 'b:9093'], ssl: null, sasl: null });
    expect(kafka.store).toMatchObject({ kind: 'sqlserver', host: 'sql', port: 1433, database: 'orders' });
    expect(kafka.mirror).toEqual({ url: 'redis://r:6379', prefix: 'dlq:{orders}' });
    expect(loadConfig({ POSTGRES_URL }).store).toEqual({ kind: 'postgres', url: POSTGRES_URL });
  });

  test('Kafka without a store is a mistake unless STORE=embedded says it', () => {
    expect(wrongNames({ KAFKA_BROKERS: 'a:9092' })).toEqual(['STORE']);
    expect(loadConfig({ KAFKA_BROKERS: 'a:9092', STORE: 'embedded' }).store.kind).toBe('embedded');
  });

  test('two stores are a mistake', () => {
    expect(wrongNames({ POSTGRES_URL, ...SQLSERVER })).toEqual(['POSTGRES_URL']);
    expect(wrongNames({ POSTGRES_URL, STORE: 'embedded' })).toEqual(['STORE']);
  });

  test('production forbids embedded parts, each by name', () => {
    const production = { NODE_ENV: 'production' };
    expect(wrongNames(production)).toEqual(['KAFKA_BROKERS', 'SQLSERVER_HOST']);
    expect(wrongNames({ ...production, KAFKA_BROKERS: 'a:1', STORE: 'embedded' })).toEqual(['SQLSERVER_HOST']);
    expect(wrongNames({ ...production, POSTGRES_URL })).toEqual(['KAFKA_BROKERS']);
    expect(wrongNames({ ...production, KAFKA_BROKERS: 'a:1', POSTGRES_URL })).toEqual([]);
  });
});

describe('values', () => {
  test('durations are milliseconds and sizes are bytes', () => {
    const { startTimeoutMs, shutdownDeadlineMs, consumer } = loadConfig({
      START_TIMEOUT: '500ms',
      SHUTDOWN_DEADLINE: '2m',
      PARK_MAX_AGE: '2h',
      LEDGER_RETENTION: '7d',
      MAX_CLOCK_AHEAD: '30s',
      MAX_EVENT_BYTES: '2048',
      BATCH_MAX_BYTES: '1MiB',
    });
    expect([startTimeoutMs, shutdownDeadlineMs]).toEqual([500, 120_000]);
    expect(consumer).toMatchObject({
      parkMaxAgeMs: 7_200_000,
      ledgerRetentionMs: 604_800_000,
      maxClockAheadMs: 30_000,
      maxEventBytes: 2048,
      batchMaxBytes: 1_048_576,
    });
  });

  const WRONG: ReadonlyArray<readonly [name: string, text: string, says: string]> = [
    ['START_TIMEOUT', '30', 'a duration like 500ms, 30s, 5m, 24h or 30d, from 0s to 24h, not "30"'],
    ['START_TIMEOUT', '1.5h', 'a duration'],
    ['START_TIMEOUT', '25h', 'from 0s to 24h'],
    ['MAX_EVENT_BYTES', '256KB', 'a size like 4096, 256KiB or 4MiB'],
    ['MAX_EVENT_BYTES', '0', 'from 1KiB'],
    ['LOG_EVENTS', 'yes', 'true or false, not "yes"'],
    ['START_FROM', 'newest', 'earliest or latest'],
    ['HTTP_PORT', '65536', 'from 0 to 65535'],
    ['HTTP_PORT', 'tcp://10.0.0.1:80', 'enableServiceLinks'],
    ['SQLSERVER_PORT', '0', 'from 1 to 65535'],
    ['BATCH_MAX_RECORDS', '0', 'from 1 to 10000'],
    ['BATCH_MAX_RECORDS', '10001', 'from 1 to 10000'],
    ['KAFKA_REPLICATION_FACTOR', '0', '-1'],
    ['KAFKA_BROKERS', 'a:9092,b', 'broker1:9092,broker2:9092'],
    ['KAFKA_TOPIC', 'order events', 'a topic name'],
    ['STORE', 'postgres', 'embedded'],
    ['UNKNOWN_TYPES', 'drop', 'dead or ignore'],
    ['LOG_LEVEL', 'verbose', 'info'],
    ['ADMIN_TOKEN', 'two words', 'without a space'],
    ['POSTGRES_URL', 'mysql://h/db', 'postgres://'],
    ['REDIS_URL', 'localhost:6379', 'redis://'],
    ['CONSUMER_CONCURRENCY', '1e1', 'a whole number'],
  ];

  test.each(WRONG)('%s=%s is a mistake that says what it should be', (name, text, says) => {
    const problem = problemsOf({ [name]: text }).find((p) => p.name === name)?.problem;
    expect(problem).toMatch(/^must be /);
    expect(problem).toContain(says);
  });

  test('every mistake is reported at once, by name', () => {
    const env = { HTTP_PORT: 'x', LOG_EVENTS: '1', PARK_MAX_AGE: '31d', HTTP_HOST: '0.0.0.0', SQLSERVER_HOST: 's' };
    expect(wrongNames(env)).toEqual([
      'HTTP_PORT',
      'LOG_EVENTS',
      'SQLSERVER_USER',
      'SQLSERVER_PASSWORD',
      'LEDGER_RETENTION',
      'ADMIN_TOKEN',
    ]);
    expect(() => loadConfig(env)).toThrow(/HTTP_PORT must be [\s\S]*ADMIN_TOKEN must be set/);
  });

  test('a wrong value is not compared with others', () => {
    expect(wrongNames({ MAX_EVENT_BYTES: 'x', BATCH_MAX_BYTES: '2KiB' })).toEqual(['MAX_EVENT_BYTES']);
    expect(wrongNames({ SQLSERVER_HOST: 's', SQLSERVER_USER: 'u', SQLSERVER_PASSWORD_FILE: '/no' })).toEqual([
      'SQLSERVER_PASSWORD_FILE',
    ]);
  });

  test('an event fits into a batch, and the ledger outlives parked letters', () => {
    expect(wrongNames({ MAX_EVENT_BYTES: '5MiB' })).toEqual(['MAX_EVENT_BYTES']);
    expect(wrongNames({ MAX_EVENT_BYTES: '4MiB' })).toEqual([]);
    expect(wrongNames({ LEDGER_RETENTION: '24h' })).toEqual(['LEDGER_RETENTION']);
  });

  test('PORT counts where HTTP_PORT is not set', () => {
    expect(loadConfig({ PORT: '3000' }).http.port).toBe(3000);
    expect(loadConfig({ PORT: '3000', HTTP_PORT: '0' }).http.port).toBe(0);
    expect(loadConfig({ PORT: '3000', HTTP_PORT: ' ' }).http.port).toBe(3000);
  });

  test('only loopback may do without ADMIN_TOKEN', () => {
    for (const HTTP_HOST of ['localhost', '127.0.0.2', '::1']) expect(wrongNames({ HTTP_HOST })).toEqual([]);
    for (const HTTP_HOST of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.org']) {
      expect(wrongNames({ HTTP_HOST })).toEqual(['ADMIN_TOKEN']);
    }
    const open = loadConfig({ HTTP_HOST: '0.0.0.0', ADMIN_TOKEN: 'admin-token' });
    expect(open.http.loopbackOnly).toBe(false);
    expect(open.warnings.join()).toMatch(/without READ_TOKEN/);
  });

  test('half a Kafka login is a mistake', () => {
    const kafka = { KAFKA_BROKERS: 'a:1', STORE: 'embedded' };
    expect(wrongNames({ ...kafka, KAFKA_SASL_USERNAME: 'u' })).toEqual(['KAFKA_SASL_MECHANISM']);
    const PEM = '-----BEGIN CERTIFICATE-----';
    expect(problemsOf({ ...kafka, KAFKA_SSL_CERT_FILE: '/c' }, { '/c': PEM }).map(({ name }) => name)).toEqual([
      'KAFKA_SSL',
      'KAFKA_SSL_KEY_FILE',
    ]);
    const env = { ...kafka, KAFKA_SSL: 'true', KAFKA_SSL_CA_FILE: '/c' };
    expect(loadConfig(env, readFrom({ '/c': `${PEM}\n` })).log).toMatchObject({ ssl: { ca: PEM, cert: null } });
  });

  test('the configuration is frozen through and through', () => {
    const config = loadConfig({ KAFKA_BROKERS: 'a:1', STORE: 'embedded' });
    expect(Object.isFrozen(config) && Object.isFrozen(config.http) && Object.isFrozen(config.warnings)).toBe(true);
    expect(config.log.kind === 'kafka' && Object.isFrozen(config.log.brokers)).toBe(true);
  });
});

describe('secrets', () => {
  const SECRETS = KNOWN_NAMES.filter((name) => NAMES.every((known) => known !== name)).map((name) => name.slice(0, -5));

  test('tokens, passwords and URLs may be given as files', () => {
    expect(SECRETS).toEqual([
      'ADMIN_TOKEN',
      'READ_TOKEN',
      'KAFKA_SASL_PASSWORD',
      'SQLSERVER_PASSWORD',
      'POSTGRES_URL',
      'REDIS_URL',
    ]);
    const files = { '/run/admin': 'admin-token\n', '/run/pg': `${POSTGRES_URL}\r\n`, '/run/redis': 'redis://:pw@r' };
    const env = { ADMIN_TOKEN_FILE: '/run/admin', POSTGRES_URL_FILE: '/run/pg', REDIS_URL_FILE: '/run/redis' };
    const config = loadConfig(env, readFrom(files));
    expect(config.http.adminToken).toBe('admin-token');
    expect(config.store).toEqual({ kind: 'postgres', url: POSTGRES_URL });
    expect(config.mirror?.url).toBe('redis://:pw@r');
    expect(config.warnings).toEqual([]);
  });

  test.each(SECRETS)('%s and its file together are a mistake, and so is a missing or empty file', (name) => {
    const both = problemsOf({ [name]: 'x', [`${name}_FILE`]: '/f' }, { '/f': 'x' });
    expect(both).toContainEqual({ name, problem: `must not be set together with ${name}_FILE` });
    const missing = problemsOf({ [`${name}_FILE`]: '/gone' });
    expect(missing[0]).toEqual({
      name: `${name}_FILE`,
      problem: 'names a file that cannot be read: /gone (ENOENT)',
    });
    expect(problemsOf({ [`${name}_FILE`]: '/f' }, { '/f': '\n' })[0]?.name).toBe(`${name}_FILE`);
  });

  test('a mistake never quotes a secret', () => {
    const canary = 'canary secret';
    const env = { POSTGRES_URL: canary, REDIS_URL: canary, ADMIN_TOKEN: canary, READ_TOKEN_FILE: '/f' };
    const said = JSON.stringify(problemsOf(env, { '/f': canary }));
    expect(problemsOf(env, { '/f': canary })).toHaveLength(4);
    expect(said).not.toContain('canary');
  });
});

describe('warnings', () => {
  test('an unknown name of a part is a warning with the nearest known name', () => {
    const { warnings } = loadConfig({ KAFKA_BROKER: 'a:1', REDIS_URI: 'x', POSTGRES_PASSWORD: 'canary', HOME: '/' });
    expect(warnings).toEqual([
      'KAFKA_BROKER is not a setting of this service; did you mean KAFKA_BROKERS?',
      expect.stringMatching(/^POSTGRES_PASSWORD is not a setting of this service/),
      'REDIS_URI is not a setting of this service; did you mean REDIS_URL?',
    ]);
    expect(warnings.join()).not.toContain('canary');
  });

  test('a name that is like no other is a warning without advice', () => {
    expect(loadConfig({ KAFKA_X_Y_Z_SERVICE_PORT_9092: '1' }).warnings).toEqual([
      'KAFKA_X_Y_Z_SERVICE_PORT_9092 is not a setting of this service',
    ]);
  });

  test('a setting of a part that is not used is a warning', () => {
    const { warnings } = loadConfig({ KAFKA_GROUP_ID: 'g', SQLSERVER_PASSWORD_FILE: '/f', DLQ_PREFIX: 'x' }, () => 'p');
    expect(warnings).toEqual([
      'KAFKA_GROUP_ID has no effect without KAFKA_BROKERS',
      'SQLSERVER_PASSWORD has no effect without SQLSERVER_HOST',
      'DLQ_PREFIX has no effect without REDIS_URL',
    ]);
  });
});

describe('.env', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'config-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const write = (text: string) => writeFileSync(join(directory, '.env'), text);

  test('it completes the environment and never overrides it', () => {
    write(
      '\uFEFF# a comment\r\nexport HTTP_PORT = 9000 # why not\r\nPATH=/nowhere\nADMIN_TOKEN="a\nb"\n\nKAFKA_TOPIC=a#b',
    );
    const env = readEnvironment(directory);
    expect(env['HTTP_PORT']).toBe('9000');
    expect(env['PATH']).toBe(process.env['PATH']);
    expect(env['ADMIN_TOKEN']).toBe('a\nb');
    expect(process.env['HTTP_PORT']).toBeUndefined();
  });

  test('there may be none', () => {
    expect(readEnvironment(directory)).toEqual({ ...process.env });
  });

  test.each([
    ['A=1\nHTTP_PORT 9000\n', 2],
    ['A="1\nB=2\n', 1],
    ['# x\n\n9A=1', 3],
    ['A="x" y', 1],
  ])('a malformed line is named: %j', (text, line) => {
    write(text);
    expect(() => readEnvironment(directory)).toThrow(`line ${line} must be NAME=value`);
  });

  test('one that cannot be read is a mistake', () => {
    mkdirSync(join(directory, '.env'));
    expect(() => readEnvironment(directory)).toThrow(/\.env cannot be read: .*EISDIR/);
  });
});

describe('.env.example', () => {
  const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
  const entries = [...example.matchAll(/^# ([A-Z][A-Z_]*)=(.*)$/gm)].map(([, name, value]) => [name, value]);

  test('it lists every variable with its default, each below a line of explanation', () => {
    expect(entries).toEqual(NAMES.map((name) => [name, VARIABLES[name].byDefault ?? '']));
    expect(example.match(/^# (?![A-Z][A-Z_]*=).+\n# [A-Z][A-Z_]*=/gm)).toHaveLength(NAMES.length);
    for (const name of KNOWN_NAMES) expect(example).toContain(name);
  });

  test('uncommented it is the configuration of an empty environment', () => {
    const uncommented = example.replace(/^# ([A-Z][A-Z_]*=)/gm, '$1');
    expect(Object.keys(parseEnv(uncommented))).toHaveLength(NAMES.length);
    expect(loadConfig(parseEnv(uncommented))).toEqual(loadConfig({}));
  });
});

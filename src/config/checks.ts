import type { Problem } from './read-settings.ts';
import type { Name, Settings } from './variables.ts';

/** A rule between settings. It is not asked while one of the `settings` it looks at is wrong by itself. */
interface Check {
  /** The one to blame comes first. */
  readonly settings: readonly [Name, ...Name[]];
  readonly fails: (settings: Settings) => boolean;
  readonly problem: string;
}

/** What the settings get wrong together. */
export function checkTogether(settings: Settings, wrong: ReadonlySet<Name>): Problem[] {
  return CHECKS.filter((check) => !check.settings.some((name) => wrong.has(name)))
    .filter((check) => check.fails(settings))
    .map((check) => ({ name: check.settings[0], problem: check.problem }));
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}

export const isProduction = (s: Settings) => s.NODE_ENV === 'production';
const hasServer = (s: Settings) => s.SQLSERVER_HOST !== null || s.POSTGRES_URL !== null;

const CHECKS: readonly Check[] = [
  {
    settings: ['POSTGRES_URL', 'SQLSERVER_HOST'],
    fails: (s) => s.POSTGRES_URL !== null && s.SQLSERVER_HOST !== null,
    problem: 'must not be set together with SQLSERVER_HOST: there is one order store',
  },
  {
    settings: ['STORE', 'SQLSERVER_HOST', 'POSTGRES_URL'],
    fails: (s) => s.STORE !== null && hasServer(s),
    problem: 'must not be embedded while SQLSERVER_HOST or POSTGRES_URL is set: there is one order store',
  },
  {
    settings: ['STORE', 'KAFKA_BROKERS', 'SQLSERVER_HOST', 'POSTGRES_URL'],
    fails: (s) => s.KAFKA_BROKERS !== null && s.STORE === null && !hasServer(s) && !isProduction(s),
    problem: 'must be embedded, or SQLSERVER_HOST or POSTGRES_URL be set: with KAFKA_BROKERS no store is assumed',
  },
  {
    settings: ['KAFKA_BROKERS'],
    fails: (s) => isProduction(s) && s.KAFKA_BROKERS === null,
    problem: 'must be set: NODE_ENV=production forbids the embedded log',
  },
  {
    settings: ['SQLSERVER_HOST', 'POSTGRES_URL'],
    fails: (s) => isProduction(s) && !hasServer(s),
    problem: 'must be set, or POSTGRES_URL: NODE_ENV=production forbids the embedded store',
  },
  {
    settings: ['SQLSERVER_USER', 'SQLSERVER_HOST'],
    fails: (s) => s.SQLSERVER_HOST !== null && s.SQLSERVER_USER === null,
    problem: 'must be set when SQLSERVER_HOST is',
  },
  {
    settings: ['SQLSERVER_PASSWORD', 'SQLSERVER_HOST'],
    fails: (s) => s.SQLSERVER_HOST !== null && s.SQLSERVER_PASSWORD === null,
    problem: 'must be set, or SQLSERVER_PASSWORD_FILE, when SQLSERVER_HOST is',
  },
  {
    settings: ['KAFKA_REPLICATION_FACTOR'],
    fails: (s) => s.KAFKA_REPLICATION_FACTOR === 0,
    problem: 'must be -1 (as the brokers have it) or 1 to 100',
  },
  {
    settings: ['KAFKA_SSL', 'KAFKA_SSL_CA_FILE', 'KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'],
    fails: (s) => !s.KAFKA_SSL && [s.KAFKA_SSL_CA_FILE, s.KAFKA_SSL_CERT_FILE, s.KAFKA_SSL_KEY_FILE].some(isGiven),
    problem: 'must be true when a KAFKA_SSL_*_FILE is set',
  },
  {
    settings: ['KAFKA_SSL_KEY_FILE', 'KAFKA_SSL_CERT_FILE'],
    fails: (s) => isGiven(s.KAFKA_SSL_KEY_FILE) !== isGiven(s.KAFKA_SSL_CERT_FILE),
    problem: 'must be set together with KAFKA_SSL_CERT_FILE, or neither',
  },
  {
    settings: ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'],
    fails: (s) => new Set([s.KAFKA_SASL_MECHANISM, s.KAFKA_SASL_USERNAME, s.KAFKA_SASL_PASSWORD].map(isGiven)).size > 1,
    problem: 'must be set together with KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, or none of the three',
  },
  {
    settings: ['MAX_EVENT_BYTES', 'BATCH_MAX_BYTES'],
    fails: (s) => s.MAX_EVENT_BYTES > s.BATCH_MAX_BYTES,
    problem: 'must be at most BATCH_MAX_BYTES: an event has to fit into a batch',
  },
  {
    settings: ['LEDGER_RETENTION', 'PARK_MAX_AGE'],
    fails: (s) => s.LEDGER_RETENTION <= s.PARK_MAX_AGE,
    problem: 'must be longer than PARK_MAX_AGE: a letter that is retried must still be known',
  },
  {
    settings: ['ADMIN_TOKEN', 'HTTP_HOST'],
    fails: (s) => s.ADMIN_TOKEN === null && !isLoopback(s.HTTP_HOST),
    problem:
      'must be set, or ADMIN_TOKEN_FILE, when HTTP_HOST is not a loopback address: ' +
      'without it the service listens on loopback only',
  },
];

function isGiven(value: unknown): boolean {
  return value !== null;
}

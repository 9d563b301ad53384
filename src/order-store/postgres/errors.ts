import { type ErrorKind, PipelineError } from '../../errors.ts';

/**
 * SQLSTATEs and what they mean for a batch, the longest prefix first. Source: PostgreSQL documentation, appendix
 * "PostgreSQL Error Codes" (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
export const SQLSTATE_KINDS: ReadonlyArray<readonly [prefix: string, kind: ErrorKind, meaning: string]> = [
  ['23505', 'race', 'unique violation: another writer was first'],
  ['23503', 'race', 'foreign key violation: another writer removed or has not committed the parent'],
  ['40P01', 'race', 'deadlock: this transaction was chosen as the victim'],
  ['40001', 'race', 'serialization failure'],
  ['57014', 'timeout', 'statement timeout'],
  ['55P03', 'outage', 'lock timeout'],
  ['57P01', 'outage', 'the server is shutting down or an administrator ended the session'],
  ['57P02', 'outage', 'the server crashed'],
  ['57P03', 'outage', 'the server is starting up'],
  ['57P05', 'outage', 'idle session timeout'],
  ['25006', 'outage', 'read-only transaction: a standby, or failing over'],
  ['08', 'outage', 'connection exception'],
  ['53', 'outage', 'out of memory, disk or connections'],
  ['58', 'outage', 'system error outside the server'],
  ['23502', 'data', 'not-null violation'],
  ['23514', 'data', 'check violation'],
  ['22', 'data', 'data exception: out of range, bad text, division by zero'],
  ['42501', 'defect', 'permission missing'],
  ['42', 'defect', 'syntax error, or a table or routine that does not exist'],
  ['3D000', 'defect', 'the database does not exist'],
  ['3F000', 'defect', 'the schema does not exist'],
  ['21000', 'defect', 'cardinality violation: a row twice in one upsert'],
  ['28', 'defect', 'login refused'],
];

/** Node's codes of a connection that was refused, cut or never answered. */
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);

/** pg reports these without a code (pg and pg-pool, `new Error(...)` in client.js and index.js). */
const CONNECTION_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Cannot use a pool after calling end/i;
const TIMEOUT_MESSAGES = /Query read timeout/i;

interface DriverError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly errors?: unknown;
}

/** Gives any error of pg or PGlite its kind. Never throws; an error that is classified already stays as it is. */
export function classifyPostgresError(error: unknown): PipelineError {
  if (error instanceof PipelineError) return error;
  const { code, message } = describe(error);
  const kind = kindOfCode(code) ?? kindOfMessage(message) ?? 'unforeseen';
  return new PipelineError(kind, code ?? 'UNKNOWN', message, error);
}

function describe(error: unknown): { code: string | null; message: string } {
  const { code, message, errors } = (error ?? {}) as DriverError;
  // Connecting to a name with several addresses fails with an AggregateError whose own message is empty.
  const first = Array.isArray(errors) && errors.length > 0 ? describe(errors[0]) : null;
  const text = typeof message === 'string' && message !== '' ? message : (first?.message ?? String(error));
  return { code: typeof code === 'string' ? code : (first?.code ?? null), message: text };
}

function kindOfCode(code: string | null): ErrorKind | null {
  if (code === null) return null;
  if (SOCKET_CODES.has(code)) return 'outage';
  return SQLSTATE_KINDS.find(([prefix]) => code.startsWith(prefix))?.[1] ?? null;
}

function kindOfMessage(message: string): ErrorKind | null {
  if (TIMEOUT_MESSAGES.test(message)) return 'timeout';
  return CONNECTION_MESSAGES.test(message) ? 'outage' : null;
}

import pg from 'pg';
import type { PipelineError } from '../../errors.ts';
import type { SqlConnection, SqlValue } from '../../sql-connection.ts';
import { classifyPostgresError } from './errors.ts';

export interface PostgresOptions {
  readonly url: string;
  /** Connections at most: one for each partition handled at once, one for the retry worker, some for the API. */
  readonly maxConnections: number;
  /** Told of errors on idle connections; without a listener they would end the process. */
  readonly onIdleError?: (error: PipelineError) => void;
}

const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * A pool of connections to a PostgreSQL server. After any error the connection it happened on is closed (pg-pool
 * removes a client released with an error), so no connection of unknown state is used again.
 */
export function connectPostgres(options: PostgresOptions): SqlConnection {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections,
    application_name: 'order-pipeline',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    // A server that does not even send its own timeout is gone: a black-holed connection must not wait for TCP.
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
    keepAlive: true,
    idleTimeoutMillis: 30_000,
  });
  let loggedIn = false;
  let closing: Promise<void> | null = null;
  pool.on('error', (error) => options.onIdleError?.(classifyPostgresError(error)));
  pool.on('connect', () => {
    loggedIn = true;
  });

  async function run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw afterLogin(classifyPostgresError(error), loggedIn);
    }
  }

  return {
    query: <Row>(text: string, values: readonly SqlValue[] = []) =>
      run(async () => (await pool.query(text, [...values])).rows as Row[]),
    script: (text) => run(async () => void (await pool.query(text))),
    close: () => {
      closing ??= pool.end();
      return closing;
    },
  };
}

/** A login that once worked and is refused now is an outage (a failover, a password being rotated), not a defect. */
function afterLogin(error: PipelineError, loggedIn: boolean): PipelineError {
  if (!loggedIn || !error.code.startsWith('28')) return error;
  return classifyPostgresError(Object.assign(new Error(error.message, { cause: error }), { code: '08004' }));
}

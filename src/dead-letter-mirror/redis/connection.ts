import { Redis } from 'ioredis';
import { describeError, PipelineError } from '../../errors.ts';
import { classifyRedisError, isTimeout } from './errors.ts';

/** A connection that comes back by itself, as often as it is lost. */
export interface RedisConnection {
  /** Counts connections: another number is another connection, and perhaps another state of the data. */
  readonly number: () => number;
  /** Resolves when the first attempt to connect has ended, well or not: within seconds. */
  readonly tried: Promise<void>;
  /**
   * Sends commands at once or not at all.
   *
   * @throws PipelineError, an outage while there is no connection, a timeout after 3 s
   */
  run<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const ANSWER_WITHIN_MS = 3000;
const RECONNECT_MAX_MS = 1000;

export function connectRedis(url: string): RedisConnection {
  let connections = 0;
  let lastError: unknown = null;
  const redis = new Redis(url, {
    // A command waits for nobody: without a connection it is rejected, and one whose answer is lost is not sent again
    // behind the caller's back. With the defaults it would be sent twice, or never settle.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: ANSWER_WITHIN_MS,
    connectTimeout: ANSWER_WITHIN_MS,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), RECONNECT_MAX_MS),
    // After a failover the old master stays reachable, as a replica.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    connectionName: 'order-pipeline',
    // CLIENT SETINFO is one permission more, for nothing.
    disableClientInfo: true,
  });
  redis.on('ready', () => {
    connections += 1;
    lastError = null;
  });
  // Without a listener ioredis prints errors; they also say why there is no connection.
  redis.on('error', (error) => {
    lastError = error;
  });
  const tried = new Promise<void>((resolve) => {
    redis.once('ready', () => resolve());
    redis.once('close', () => resolve());
  });
  let closed: Promise<void> | null = null;

  return {
    number: () => connections,
    tried,
    run: async (work) => {
      if (redis.status !== 'ready') throw away(lastError);
      try {
        return await work(redis);
      } catch (error) {
        // The command stays on the wire and may run later; a connection that hangs half open would not be noticed.
        if (isTimeout(error)) redis.disconnect(true);
        throw classifyRedisError(error);
      }
    },
    close: () => {
      closed ??= Promise.resolve(redis.disconnect());
      return closed;
    },
  };
}

function away(lastError: unknown): PipelineError {
  const cause = lastError === null ? null : classifyRedisError(lastError);
  const why = cause === null ? '' : `: ${describeError(cause)}`;
  return new PipelineError(cause?.kind ?? 'outage', 'REDIS_AWAY', `there is no connection to Redis${why}`, lastError);
}

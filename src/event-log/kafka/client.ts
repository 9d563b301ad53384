import { Kafka, type KafkaConfig as KafkaJsConfig, logLevel, type SASLOptions } from 'kafkajs';
import type { KafkaConfig } from '../../config/shape.ts';
import { registerCodecs } from './codecs.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Where kafkajs's own messages go. */
export type LogLine = (level: LogLevel, text: string, fields: Readonly<Record<string, unknown>>) => void;

/**
 * One step lower than kafkajs has them: it calls an error what it is about to retry. What never works again is told by
 * the calls themselves and by the end of consuming.
 */
const LEVELS: ReadonlyMap<logLevel, LogLevel> = new Map([
  [logLevel.ERROR, 'warn'],
  [logLevel.WARN, 'info'],
  [logLevel.INFO, 'debug'],
]);

/** Every wait is finite. A call on a cluster that is away fails after some 10 s; the caller decides what then. */
const CONNECTION_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 15_000;
export const RETRY = { initialRetryTime: 100, maxRetryTime: 2_000, retries: 6 };

/** A client that has not connected yet. Codecs first: kafkajs ends a consumer for good at a codec it does not know. */
export function createClient(config: KafkaConfig, log: LogLine): Kafka {
  registerCodecs();
  const options: KafkaJsConfig = {
    clientId: config.clientId,
    brokers: [...config.brokers],
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: RETRY,
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => {
      const { message, stack: _stack, timestamp: _timestamp, logger: _logger, ...fields } = entry.log;
      log(LEVELS.get(entry.level) ?? 'debug', `kafkajs: ${message}`, fields);
    },
  };
  if (config.ssl !== null) options.ssl = tlsOptions(config.ssl);
  if (config.sasl !== null) options.sasl = { ...config.sasl } as SASLOptions;
  return new Kafka(options);
}

/** Without a CA of its own the system's are trusted. */
function tlsOptions({ ca, cert, key }: NonNullable<KafkaConfig['ssl']>) {
  return { ...(ca !== null && { ca }), ...(cert !== null && { cert }), ...(key !== null && { key }) };
}

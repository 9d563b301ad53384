import { randomUUID } from 'node:crypto';
import { type KafkaLogOptions, openKafkaLog } from '../../src/event-log/kafka.ts';
import type { EventLog } from '../../src/event-log.ts';

/** The brokers that TEST_KAFKA_BROKERS names, null if there are none. */
export const kafkaBrokers: string | null = process.env['TEST_KAFKA_BROKERS'] ?? null;

/** A topic and a group that nobody else uses, on these brokers. */
export function kafkaOptions(brokers: string, overrides: Partial<KafkaLogOptions> = {}): KafkaLogOptions {
  const name = `test-${randomUUID()}`;
  return {
    brokers: brokers.split(','),
    clientId: 'order-pipeline-test',
    groupId: name,
    topic: name,
    partitions: 3,
    replicationFactor: -1,
    ssl: null,
    sasl: null,
    concurrency: 2,
    // The least that a broker allows unless it is told otherwise.
    timing: { sessionTimeoutMs: 6_000, heartbeatMs: 500 },
    log: () => {},
    ...overrides,
  };
}

/** Opens logs and closes those that are left open. */
export interface OpenLogs {
  open(options: KafkaLogOptions): Promise<EventLog>;
  closeAll(): Promise<void>;
}

export function openLogs(): OpenLogs {
  const opened: EventLog[] = [];
  return {
    open: async (options) => {
      const log = await openKafkaLog(options);
      opened.push(log);
      return log;
    },
    closeAll: async () => {
      await Promise.all(opened.splice(0).map((log) => log.close()));
    },
  };
}

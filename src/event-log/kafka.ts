import kafkajs, { type Kafka, type Producer } from 'kafkajs';
import type { KafkaConfig } from '../config/shape.ts';
import { PipelineError } from '../errors.ts';
import type { Consumption, DeliveryHandler, EventLog, Watermarks } from '../event-log.ts';
import { type AdminCalls, createAdminCalls } from './kafka/admin-calls.ts';
import { createAppend } from './kafka/append.ts';
import { createClient, type LogLine } from './kafka/client.ts';
import { type ConsumerTiming, startConsumption } from './kafka/consumption.ts';
import { classified } from './kafka/errors.ts';
import { openTopic } from './kafka/topic.ts';
import { readOffsetsAt, readWatermarks } from './kafka/watermarks.ts';

export type { LogLine } from './kafka/client.ts';

export interface KafkaLogOptions extends KafkaConfig {
  readonly topic: string;
  /** For a topic that has to be made; one that exists keeps its own. */
  readonly partitions: number;
  /** Partitions handled at once. */
  readonly concurrency: number;
  /** kafkajs's own messages. */
  readonly log: LogLine;
  /** Overrides of the consumer's times, for tests of outages. */
  readonly timing?: Partial<ConsumerTiming>;
}

/**
 * The event log in a topic of Kafka, which is made if it is not there. Errors are PipelineErrors, of `append`
 * AppendErrors around them. Fails with an outage while no broker answers.
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const kafka = createClient(options, options.log);
  const admin = createAdminCalls(kafka);
  // Murmur2 as in Java's client. Idempotence stays off: kafkajs calls its own experimental, and can use a sequence
  // number twice once its retries are exhausted. Duplicates are found by the ledger.
  const createPartitioner = kafkajs.Partitioners.DefaultPartitioner;
  const producer = kafka.producer({ allowAutoTopicCreation: false, createPartitioner });
  try {
    const partitions = await admin.run((client) => openTopic(client, options));
    await classified(() => producer.connect());
    return kafkaLog({ kafka, admin, producer, partitions }, options);
  } catch (error) {
    await disconnect(admin, producer);
    throw error;
  }
}

interface Connected {
  readonly kafka: Kafka;
  readonly admin: AdminCalls;
  readonly producer: Producer;
  readonly partitions: number;
}

function kafkaLog(connected: Connected, options: KafkaLogOptions): EventLog {
  const { kafka, admin, producer } = connected;
  const { topic } = options;
  let partitions = connected.partitions;
  const append = createAppend({ producer, topic, partitions: () => partitions });
  let closing: Promise<void> | null = null;

  /** Asked for every few seconds: partitions that were added are found here. */
  async function watermarks(): Promise<Watermarks[]> {
    const found = await admin.run((client) => readWatermarks(client, topic));
    partitions = found.length;
    return found;
  }

  const consume = createConsume(kafka, options, watermarks);
  return {
    topic,
    kind: 'kafka',
    source: () => admin.run(async (client) => (await client.describeCluster()).clusterId),
    append,
    watermarks,
    offsetsAt: (timestamp) => admin.run((client) => readOffsetsAt(client, topic, timestamp)),
    consume: consume.start,
    close: () => {
      closing ??= consume.stop().then(() => disconnect(admin, producer));
      return closing;
    },
  };
}

function createConsume(kafka: Kafka, options: KafkaLogOptions, watermarks: () => Promise<Watermarks[]>) {
  let assignment = 0;
  let consuming = false;
  let running: Consumption | null = null;

  async function start(handler: DeliveryHandler): Promise<Consumption> {
    if (consuming) {
      throw new PipelineError('defect', 'ALREADY_CONSUMING', 'stop the consumption of this log before the next');
    }
    consuming = true;
    const finished = (): void => {
      consuming = false;
    };
    const nextAssignment = (): number => {
      assignment += 1;
      return assignment;
    };
    try {
      running = await startConsumption(kafka, { ...options, handler, watermarks, nextAssignment, finished });
      return running;
    } catch (error) {
      finished();
      throw error;
    }
  }

  return { start, stop: async () => running?.stop() };
}

/** Whether a broker hears it or not. */
async function disconnect(admin: AdminCalls, producer: Producer): Promise<void> {
  await Promise.allSettled([admin.close(), producer.disconnect()]);
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, Kafka } from 'kafkajs';
import type { Answer, Consumption, Delivery, DeliveryHandler, Watermarks } from '../../event-log.ts';
import { type LogLine, RETRY } from './client.ts';
import { createDeliver } from './deliver.ts';
import { classified, classifyKafkaError } from './errors.ts';
import { followMembership } from './membership.ts';
import { createPlaces } from './places.ts';

export interface ConsumerTiming {
  /** A member that is not heard of for so long is replaced. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
}

export interface ConsumptionParts {
  readonly topic: string;
  readonly groupId: string;
  readonly concurrency: number;
  readonly timing?: Partial<ConsumerTiming>;
  readonly handler: DeliveryHandler;
  readonly watermarks: () => Promise<Watermarks[]>;
  /** A number never used before by this log. */
  readonly nextAssignment: () => number;
  /** Called once, when nothing runs any more and before `ended` settles. */
  readonly finished: () => void;
  readonly log: LogLine;
}

/** Short: after a crash of everything the group waits for the old session. A deploy leaves the group in order. */
const TIMING: ConsumerTiming = { sessionTimeoutMs: 10_000, heartbeatMs: 2_000 };

/** As long as a transaction that is under way when the group rebalances may take. */
const REBALANCE_TIMEOUT_MS = 60_000;

/** How long the broker may hold a fetch back, and so also how long pause, resume and stop may take. */
const MAX_WAIT_MS = 500;

/** For leaving the group once the handlers are done; a broker that is away must not keep the process. */
const LEAVE_DEADLINE_MS = 5_000;

/**
 * A member of the consumer group, from joining to leaving. `ended` rejects when kafkajs has given up.
 *
 * A kafkajs consumer that is stopped while it joins goes on consuming (its stop() returns at once, the join completes),
 * so leaving waits until it has joined, or cannot any more.
 */
export async function startConsumption(kafka: Kafka, parts: ConsumptionParts): Promise<Consumption> {
  const { topic, log } = parts;
  let halting: Promise<void> | null = null;
  let settle: (failure: Failure | null) => void = () => {};
  const ended = new Promise<void>((resolve, reject) => {
    settle = (failure) => (failure === null ? resolve() : reject(failure.error));
  });
  // A rejection nobody waits for yet must not end the process.
  ended.catch(() => undefined);

  const isStopping = (): boolean => halting !== null;
  const consumer = createConsumer(kafka, parts, () => !isStopping());
  const places = createPlaces({ consumer, topic, watermarks: parts.watermarks });
  const membership = followMembership({
    consumer,
    topic,
    nextAssignment: parts.nextAssignment,
    assigned: places.forgetAll,
    crashed: (error) => void halt({ error: classifyKafkaError(error) }),
  });
  // Nobody waits for `halt` in a handler: it waits for handlers.
  const fail = (error: unknown): void => void halt({ error });
  const underway = createUnderway(parts.handler);
  const eachBatch = createDeliver({ ...parts, handler: underway.handler, places, membership, isStopping, fail });

  /** The first failure counts; none if it is stopped before. */
  function halt(failure: Failure | null): Promise<void> {
    halting ??= leave().then(() => {
      parts.finished();
      settle(failure);
    });
    return halting;
  }

  async function leave(): Promise<void> {
    places.forgetAll([]);
    const left = membership.settled().then(() => consumer.disconnect());
    await underway.finished();
    await inTime(left, log);
  }

  await subscribe(consumer, topic);
  // Resolves after the first join, which may have to wait for other members.
  const running = consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: parts.concurrency,
    eachBatch,
  });
  running.catch((error: unknown) => halt({ error: classifyKafkaError(error) }));
  return {
    assigned: () => (isStopping() ? [] : membership.partitions),
    seek: places.seek,
    ended,
    stop: () => halt(null),
  };
}

interface Failure {
  readonly error: unknown;
}

function createConsumer(kafka: Kafka, parts: ConsumptionParts, mayRestart: () => boolean): Consumer {
  const { sessionTimeoutMs, heartbeatMs } = { ...TIMING, ...parts.timing };
  return kafka.consumer({
    groupId: parts.groupId,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: heartbeatMs,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    maxWaitTimeInMs: MAX_WAIT_MS,
    // The topic is made once, with the partitions configured.
    allowAutoTopicCreation: false,
    // No rackId: reading from followers has resets of offsets of its own.
    retry: { ...RETRY, restartOnFailure: async () => mayRestart() },
  });
}

async function subscribe(consumer: Consumer, topic: string): Promise<void> {
  try {
    await classified(() => consumer.connect());
    // From the beginning: at an offset that is gone, kafkajs would otherwise go on at the end and commit that.
    await classified(() => consumer.subscribe({ topics: [topic], fromBeginning: true }));
  } catch (error) {
    await consumer.disconnect().catch(() => undefined);
    throw error;
  }
}

/** Keeps count of the handlers at work. Not of their commits: a broker that is frozen answers none for long. */
function createUnderway(handler: DeliveryHandler) {
  const underway = new Set<Promise<unknown>>();
  return {
    handler: (delivery: Delivery): Promise<Answer> => {
      const answer = handler(delivery);
      const settled = answer.catch(() => undefined).finally(() => underway.delete(settled));
      underway.add(settled);
      return answer;
    },
    finished: async (): Promise<void> => {
      await Promise.all(underway);
    },
  };
}

/** What is left undone goes on in the background, and without a handler: nothing is delivered any more. */
async function inTime(left: Promise<void>, log: LogLine): Promise<void> {
  const tooLate = sleep(LEAVE_DEADLINE_MS, 'after the deadline', { ref: false });
  const problem = await Promise.race([left.then(() => null), tooLate]).catch(String);
  if (problem !== null) log('warn', `kafka: the consumer group was not left in order: ${problem}`, {});
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, ConsumerCrashEvent, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from 'kafkajs';
import type { Consumption, DeliveryHandler, Watermarks } from '../../event-log.ts';
import { type LogLine, RETRY } from './client.ts';
import { createDeliver } from './deliver.ts';
import { classified, classifyKafkaError } from './errors.ts';
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

/** After a crash of everything the group waits for the old session; deploys leave the group in order. */
const TIMING: ConsumerTiming = { sessionTimeoutMs: 10_000, heartbeatMs: 2_000 };

/** As long as a transaction that is under way when the group rebalances may take. */
const REBALANCE_TIMEOUT_MS = 60_000;

/** How long the broker may hold a fetch back, and so also how long pause, resume and stop may take. */
const MAX_WAIT_MS = 500;

/** For leaving the group once the handlers are done; a broker that is away must not keep the process. */
const LEAVE_DEADLINE_MS = 5_000;

/**
 * A member of the consumer group, from joining to leaving.
 *
 * kafkajs has three ends: a rebalance (it joins again, GROUP_JOIN follows), a crash that it restarts (CRASH with restart,
 * GROUP_JOIN follows) and a crash that it does not restart, after which it would stand still for ever. The last one ends
 * this consumption, with its error. Everything that was known of partitions is void at each GROUP_JOIN.
 *
 * A consumer that is stopped while it joins goes on consuming (stop() returns at once, the join completes), so leaving
 * waits until it has joined, or cannot any more.
 */
export async function startConsumption(kafka: Kafka, parts: ConsumptionParts): Promise<Consumption> {
  const { topic, log } = parts;
  const state = { stopping: false, assignment: 0, assigned: [] as readonly number[] };
  const consumer = createConsumer(kafka, parts, () => !state.stopping);
  const places = createPlaces({ consumer, topic, watermarks: parts.watermarks });
  const underway = new Set<Promise<void>>();
  const deliver = createDeliver({ ...parts, places, state, halt: (error) => void halt({ error }) });
  const end = withResolvers();
  let joined = withResolvers();
  let halting: Promise<void> | null = null;

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }: ConsumerGroupJoinEvent) => {
    state.assignment = parts.nextAssignment();
    state.assigned = payload.memberAssignment[topic] ?? [];
    places.forgetAll(state.assigned);
    // kafkajs says so before it counts as running, and until then stop() does nothing.
    setImmediate(joined.resolve);
  });
  consumer.on(consumer.events.CRASH, ({ payload }: ConsumerCrashEvent) => {
    state.assigned = [];
    places.forgetAll([]);
    if (payload.restart) joined = withResolvers();
    else {
      joined.resolve();
      if (!state.stopping) void halt({ error: classifyKafkaError(payload.error) });
    }
  });

  function eachBatch(payload: EachBatchPayload): Promise<void> {
    const delivered = deliver(payload);
    const settled = delivered.catch(() => undefined).finally(() => underway.delete(settled));
    underway.add(settled);
    return delivered;
  }

  /** Called twice it is the same promise. Never awaited by a handler: it waits for handlers. */
  function halt(failure: { error: unknown } | null): Promise<void> {
    halting ??= leave(failure);
    return halting;
  }

  async function leave(failure: { error: unknown } | null): Promise<void> {
    state.stopping = true;
    places.forgetAll([]);
    // No fetch after the one under way. While joining it would leave a consumer behind that goes on for ever.
    const left = joined.promise.then(() => consumer.disconnect());
    await Promise.all(underway);
    const isLeft = await Promise.race([left.then(() => true), sleep(LEAVE_DEADLINE_MS, false, { ref: false })]).catch(
      (error: unknown) => {
        log('warn', 'kafka: the consumer was not disconnected in order', { error: String(error) });
        return true;
      },
    );
    if (!isLeft) log('warn', 'kafka: the consumer group was not left in time', { topic });
    state.assigned = [];
    parts.finished();
    if (failure === null) end.resolve();
    else end.reject(failure.error);
  }

  try {
    await classified(() => consumer.connect());
    await classified(() => consumer.subscribe({ topics: [topic], fromBeginning: true }));
  } catch (error) {
    await consumer.disconnect().catch(() => undefined);
    throw error;
  }
  // Resolves after the first join, which may have to wait for other members.
  const running = consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: parts.concurrency,
    eachBatch,
  });
  running.catch((error: unknown) => halt({ error: classifyKafkaError(error) }));
  // A rejection nobody waits for yet must not end the process.
  end.promise.catch(() => undefined);
  return {
    assigned: () => (state.stopping ? [] : state.assigned),
    seek: (partition, position) => places.seek(partition, position),
    ended: end.promise,
    stop: () => halt(null),
  };
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
    retry: { ...RETRY, restartOnFailure: async () => mayRestart() },
  });
}

interface Resolvers {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

function withResolvers(): Resolvers {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((onResolve, onReject) => {
    [resolve, reject] = [onResolve, onReject];
  });
  return { promise, resolve: () => resolve(), reject: (error) => reject(error) };
}

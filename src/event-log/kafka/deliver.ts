import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, EachBatchPayload } from 'kafkajs';
import type { Answer, DeliveryHandler, LogRecord } from '../../event-log.ts';
import type { LogLine } from './client.ts';
import { isMembershipError } from './errors.ts';
import { type Heartbeats, keepBeating } from './heartbeats.ts';
import type { Membership } from './membership.ts';
import type { Places } from './places.ts';
import { toLogRecord } from './records.ts';
import { whyUndecodable } from './undecodable.ts';

export interface DeliverParts {
  readonly topic: string;
  readonly handler: DeliveryHandler;
  readonly places: Places;
  readonly membership: Pick<Membership, 'assignment'>;
  readonly isStopping: () => boolean;
  readonly log: LogLine;
  /** Ends consuming with this error; does not wait for it. */
  readonly fail: (error: unknown) => void;
}

/** What is left of a fetched batch. */
interface Rest {
  readonly from: bigint;
  readonly records: readonly LogRecord[];
}

/** Waited for with the records in hand; longer ones let other partitions go on and fetch again. */
const SHORT_WAIT_MS = 100;

/** How often a batch is tried again that no codec can read. */
const UNDECODABLE_WAIT_MS = 5_000;

/**
 * Hands a batch of one partition over, and what an answer leaves of it again. A batch is whatever the broker sent, far
 * more than one transaction takes, perhaps.
 *
 * Nothing but an error of the group's membership is ever thrown: kafkajs joins again at one of those, and only if it
 * comes as it is; of any other it counts a retry or ends the consumer for good. What is not resolved is fetched again.
 */
export function createDeliver(parts: DeliverParts): (payload: EachBatchPayload) => Promise<void> {
  const { topic, places, membership, isStopping } = parts;

  async function deliver(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const from = fetchedFrom(batch);
    if (isStopping() || payload.isStale() || !places.isInPlace(batch.partition, from)) return;
    const records = decodable(batch);
    if (records.length === 0) return;
    const heartbeats = keepBeating(() => payload.heartbeat());
    try {
      await handOver(payload, heartbeats, { from, records });
    } finally {
      heartbeats.stop();
    }
    heartbeats.throwIfLost();
  }

  /** The records before the first that no codec could read; at that one the partition waits. */
  function decodable({ partition, messages }: Batch): LogRecord[] {
    const broken = messages.findIndex(({ value }) => whyUndecodable(value) !== null);
    if (broken === 0) {
      const [{ offset, value } = { offset: '?', value: null }] = messages;
      parts.log('error', 'kafka: a batch cannot be decompressed; its partition waits and it is tried again', {
        record: `${topic}:${partition}:${offset}`,
        error: whyUndecodable(value),
      });
      places.hold(partition, UNDECODABLE_WAIT_MS);
    }
    return (broken < 0 ? messages : messages.slice(0, broken)).map((message) => toLogRecord(topic, partition, message));
  }

  async function handOver(payload: EachBatchPayload, heartbeats: Heartbeats, whole: Rest): Promise<void> {
    const { assignment } = membership;
    let rest: Rest | null = whole;
    while (rest !== null && rest.records.length > 0 && !isStopping() && !heartbeats.lost()) {
      const answer = await ask(payload.batch.partition, assignment, rest);
      // Sought from outside meanwhile, or assigned anew: that counts more than the answer.
      const isOver = payload.isStale() || membership.assignment !== assignment;
      rest = isOver && answer.do !== 'stop' ? null : await follow(answer, payload, rest);
    }
  }

  async function ask(partition: number, assignment: number, { from, records }: Rest): Promise<Answer> {
    try {
      return await parts.handler({ topic, partition, assignment, fetchedFrom: from, records });
    } catch (error) {
      return { do: 'stop', error };
    }
  }

  /** Null if the rest is to be fetched again, or not at all. */
  async function follow(answer: Answer, payload: EachBatchPayload, rest: Rest): Promise<Rest | null> {
    const { partition } = payload.batch;
    switch (answer.do) {
      case 'committed':
        payload.resolveOffset((answer.next - 1n).toString());
        await commit(payload, answer.next);
        if (answer.next < rest.from) return null;
        return { from: answer.next, records: rest.records.filter(({ offset }) => offset >= answer.next) };
      case 'retryAfter':
        if (answer.ms > SHORT_WAIT_MS) places.hold(partition, answer.ms);
        else await sleep(answer.ms);
        return answer.ms > SHORT_WAIT_MS ? null : rest;
      case 'seek':
        places.seek(partition, answer.position);
        return null;
      case 'stop':
        parts.fail(answer.error);
        return null;
    }
  }

  /** For tools that show the group's lag. A commit that fails is made up for by the next one. */
  async function commit({ batch, commitOffsetsIfNecessary }: EachBatchPayload, next: bigint): Promise<void> {
    try {
      // Without offsets this call does nothing at all.
      const partitions = [{ partition: batch.partition, offset: next.toString() }];
      await commitOffsetsIfNecessary({ topics: [{ topic, partitions }] });
    } catch (error) {
      if (isMembershipError(error)) throw error;
      parts.log('info', 'kafka: the offset was not committed', { partition: batch.partition, error: String(error) });
    }
  }

  return deliver;
}

/** Missing in kafkajs's types, there since its version 1: the offset the broker was asked for. */
function fetchedFrom(batch: Batch & { readonly fetchedOffset?: string }): bigint {
  if (batch.fetchedOffset === undefined) throw new TypeError("kafkajs's batch has no fetchedOffset");
  return BigInt(batch.fetchedOffset);
}

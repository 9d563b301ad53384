import type { Message, Producer } from 'kafkajs';
import { PipelineError } from '../../errors.ts';
import { AppendError, type EventLog, type NewRecord, type RecordPosition } from '../../event-log.ts';
import { createPartitioner } from '../murmur2.ts';
import { classifyKafkaError } from './errors.ts';
import { sizeOf, toMessage } from './records.ts';

export interface AppendParts {
  readonly producer: Producer;
  readonly topic: string;
  /** How many partitions the topic has now. */
  readonly partitions: () => number;
}

/** Brokers refuse a batch above 1 MiB (max.message.bytes), headers of the batch included. */
const MAX_BATCH_BYTES = 768 * 1024;

/** A record's place among those given, and what is sent of it. */
interface Outgoing {
  readonly index: number;
  readonly bytes: number;
  readonly message: Message;
}

/**
 * Sends the records of each partition by itself: kafkajs tells of a request only whether all of it worked, and who sent
 * a thousand events wants to know which of them were kept when one broker of three is away.
 */
export function createAppend(parts: AppendParts): EventLog['append'] {
  let partitioner = { partitions: 0, choose: (_key: Uint8Array | null): number => 0 };

  function partitionOf(key: Uint8Array | null): number {
    const partitions = parts.partitions();
    if (partitioner.partitions !== partitions) partitioner = { partitions, choose: createPartitioner(partitions) };
    return partitioner.choose(key);
  }

  return async (records) => {
    const acknowledged: Array<RecordPosition | null> = records.map(() => null);
    const sends = [...byPartition(records, partitionOf)].map(([partition, outgoing]) =>
      sendInOrder(parts, partition, outgoing, acknowledged),
    );
    const failed = (await Promise.allSettled(sends)).find((sent) => sent.status === 'rejected');
    if (failed !== undefined) {
      const cause = classifyKafkaError(failed.reason);
      throw new AppendError('not every record was acknowledged', acknowledged, cause);
    }
    return acknowledged.map((position) => position ?? failNotAcknowledged());
  };
}

function byPartition(
  records: readonly NewRecord[],
  partitionOf: (key: Uint8Array | null) => number,
): Map<number, Outgoing[]> {
  const grouped = new Map<number, Outgoing[]>();
  records.forEach((record, index) => {
    const partition = partitionOf(record.key);
    const outgoing = { index, bytes: sizeOf(record), message: { ...toMessage(record), partition } };
    const group = grouped.get(partition);
    if (group === undefined) grouped.set(partition, [outgoing]);
    else group.push(outgoing);
  });
  return grouped;
}

/** One request after the other: a second one under way could overtake the first when that is repeated. */
async function sendInOrder(
  { producer, topic }: AppendParts,
  partition: number,
  outgoing: readonly Outgoing[],
  acknowledged: Array<RecordPosition | null>,
): Promise<void> {
  for (const batch of inBatches(outgoing)) {
    const [answer] = await producer.send({ topic, acks: -1, messages: batch.map(({ message }) => message) });
    if (answer?.baseOffset === undefined) throw new TypeError('an acknowledgement has no offset');
    const first = BigInt(answer.baseOffset);
    batch.forEach(({ index }, n) => {
      acknowledged[index] = { topic, partition, offset: first + BigInt(n) };
    });
  }
}

/** Cut by size, at least one record each. */
function inBatches(outgoing: readonly Outgoing[]): Outgoing[][] {
  const batches: Outgoing[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of outgoing) {
    if (bytes + one.bytes > MAX_BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(one);
    bytes += one.bytes;
  }
  return batches;
}

function failNotAcknowledged(): never {
  throw new PipelineError('defect', 'NOT_ACKNOWLEDGED', 'a send succeeded without an acknowledgement of its records');
}

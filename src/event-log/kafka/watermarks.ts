import type { Admin } from 'kafkajs';
import type { Watermarks } from '../../event-log.ts';

/**
 * `end` is the last stable offset, so that records of an open transaction, which nobody may read yet, are no lag.
 * kafkajs lists partitions in an order of its own.
 */
export async function readWatermarks(admin: Admin, topic: string): Promise<Watermarks[]> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets
    .map(({ partition, low, high }) => ({ partition, start: BigInt(low), end: BigInt(high) }))
    .toSorted((a, b) => a.partition - b.partition);
}

/** kafkajs gives the end where no record is young enough. */
export async function readOffsetsAt(admin: Admin, topic: string, timestamp: number) {
  const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, timestamp);
  return offsets
    .map(({ partition, offset }) => ({ partition, offset: BigInt(offset) }))
    .toSorted((a, b) => a.partition - b.partition);
}

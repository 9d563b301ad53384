import type { Consumer } from 'kafkajs';
import type { Watermarks } from '../../event-log.ts';

export interface PlacesParts {
  readonly consumer: Pick<Consumer, 'seek' | 'pause' | 'resume'>;
  readonly topic: string;
  readonly watermarks: () => Promise<Watermarks[]>;
}

/** Where partitions are fetched from, and which of them wait. */
export interface Places {
  /** Fetches from there next, at once even if the partition waits. */
  seek(partition: number, position: bigint): void;
  /** Fetches nothing of the partition for so long, then from where it was. Other partitions go on. */
  hold(partition: number, ms: number): void;
  /**
   * Whether a fetch began where a seek asked for. If not because the partition ends below that, it is held until it
   * reaches so far, and the fetch must not be delivered.
   */
  isInPlace(partition: number, fetchedFrom: bigint): boolean;
  /** These partitions are assigned now, and nothing of before counts. */
  forgetAll(assigned: readonly number[]): void;
}

/** How often the end of a partition is looked at that has not reached the position sought. */
const END_POLL_MS = 500;

/**
 * An offset outside of a partition makes kafkajs begin again at the partition's start, by itself. For a seek below the
 * start that is right. For one above the end it is not: records of before would be delivered again and again, so the
 * position that was asked for is kept until a fetch begins there or above.
 */
export function createPlaces({ consumer, topic, watermarks }: PlacesParts): Places {
  const sought = new Map<number, bigint>();
  const timers = new Map<number, NodeJS.Timeout>();

  function seek(partition: number, position: bigint): void {
    const offset = position > 0n ? position : 0n;
    sought.set(partition, offset);
    unlessRestarting(() => consumer.seek({ topic, partition, offset: offset.toString() }));
    release(partition);
  }

  function hold(partition: number, ms: number, then = () => release(partition)): void {
    clearTimeout(timers.get(partition));
    timers.set(partition, setTimeout(then, ms));
    unlessRestarting(() => consumer.pause([{ topic, partitions: [partition] }]));
  }

  function release(partition: number): void {
    clearTimeout(timers.get(partition));
    timers.delete(partition);
    unlessRestarting(() => consumer.resume([{ topic, partitions: [partition] }]));
  }

  function holdUntilEnd(partition: number, position: bigint): void {
    const isStillSought = (): boolean => timers.has(partition) && sought.get(partition) === position;
    hold(partition, END_POLL_MS, async () => {
      const end = await endOf(partition);
      if (!isStillSought()) return;
      if (end !== null && end >= position) seek(partition, position);
      else holdUntilEnd(partition, position);
    });
  }

  /** Null while the cluster is away: asked again soon. */
  async function endOf(partition: number): Promise<bigint | null> {
    const found = await watermarks().catch(() => []);
    return found.find((w) => w.partition === partition)?.end ?? null;
  }

  return {
    seek,
    hold: (partition, ms) => hold(partition, ms),
    isInPlace: (partition, fetchedFrom) => {
      const position = sought.get(partition);
      if (position !== undefined && fetchedFrom < position) {
        holdUntilEnd(partition, position);
        return false;
      }
      sought.delete(partition);
      return true;
    },
    forgetAll: (assigned) => {
      sought.clear();
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      // kafkajs keeps pauses through a rebalance.
      if (assigned.length > 0) unlessRestarting(() => consumer.resume([{ topic, partitions: [...assigned] }]));
    },
  };
}

/** kafkajs has no group to ask between a crash and its restart: the next assignment begins anew, nothing is lost. */
function unlessRestarting(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('Consumer group was not initialized')) throw error;
  }
}

/**
 * The event log: partitions of records in order, kept by Kafka or by the embedded database.
 *
 * The log decides nothing. It hands stretches of records to a handler and does what the handler answers; where to
 * read from, what to skip and when to wait is the consume loop's policy, and so the same for every log.
 */

/** A header as Kafka keeps it; a name may occur more than once. */
export type RecordHeader = readonly [name: string, value: Uint8Array];

/** A record as the log holds it. `timestamp` is in milliseconds since 1970, set by the producer or the log. */
export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** A record on its way into the log. Records with equal keys go to one partition (murmur2, as Kafka's clients do). */
export interface NewRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
}

/** Where an acknowledged record lies. */
export interface RecordPosition {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** The readable stretch of a partition: `start` is the oldest kept offset, `end` the offset the next record gets. */
export interface Watermarks {
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** Records of one partition in offset order, at least one; offsets may have holes (compaction, transactions). */
export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  /** Changes whenever the partition is assigned anew, so that nothing remembered from before is trusted. */
  readonly assignment: number;
  /** The offset the log was asked for; the first record may lie above it. */
  readonly fetchedFrom: bigint;
  readonly records: readonly LogRecord[];
}

/**
 * What the log does next with the partition of a delivery.
 *
 * - `committed`   everything below `next` is done: tell the log (for its tools only) and go on at `next`. Records of the
 *                 same delivery from `next` on are handed over again at once.
 * - `retryAfter`  deliver again from the same place after `ms`; other partitions go on meanwhile.
 * - `seek`        fetch from `position`. Below the log's start means from its start, above its end means wait there.
 * - `stop`        consuming ends for good: `Consumption.ended` rejects with `error`.
 */
export type Answer =
  | { readonly do: 'committed'; readonly next: bigint }
  | { readonly do: 'retryAfter'; readonly ms: number }
  | { readonly do: 'seek'; readonly position: bigint }
  | { readonly do: 'stop'; readonly error: unknown };

/**
 * Called for one delivery of a partition at a time, for several partitions at once. An exception counts as `stop`.
 */
export type DeliveryHandler = (delivery: Delivery) => Promise<Answer>;

/** A running consumer. */
export interface Consumption {
  /** The partitions that are assigned to this consumer now. */
  assigned(): readonly number[];
  /** Fetches from `position` next, as the answer `seek` does, also for a partition that has nothing to deliver. */
  seek(partition: number, position: bigint): void;
  /** Resolves after `stop`, rejects when consuming ends by itself. */
  readonly ended: Promise<void>;
  /** Takes no new delivery, waits for handlers under way and for their answers. Called twice it is the same promise. */
  stop(): Promise<void>;
}

export interface EventLog {
  readonly topic: string;
  /** One word for people: `embedded` or `kafka`. */
  readonly kind: string;
  /** Identity of the log itself: Kafka's cluster id, or a UUID that a wiped data directory does not keep. */
  source(): Promise<string>;
  /**
   * Appends records in order per partition and resolves when all are acknowledged, in the order given. After an error
   * some may be in the log all the same: AppendError says which are known to be.
   */
  append(records: readonly NewRecord[]): Promise<RecordPosition[]>;
  /** Of every partition of the topic, by number, as of now. */
  watermarks(): Promise<Watermarks[]>;
  /** Of every partition the first offset whose record is not older than `timestamp` (ms), or the end. */
  offsetsAt(timestamp: number): Promise<Array<{ readonly partition: number; readonly offset: bigint }>>;
  /**
   * Starts to deliver. The first delivery of a partition begins wherever the log last committed, or at its start: the
   * handler seeks if it knows better. At most one consumption per EventLog at a time.
   */
  consume(handler: DeliveryHandler): Promise<Consumption>;
  /** After `stop` of its consumption. Called twice it is the same promise. */
  close(): Promise<void>;
}

/** Not every record was acknowledged. `acknowledged[i]` is null where the outcome of record i is unknown. */
export class AppendError extends Error {
  readonly acknowledged: ReadonlyArray<RecordPosition | null>;

  constructor(message: string, acknowledged: ReadonlyArray<RecordPosition | null>, cause: unknown) {
    super(message, { cause });
    this.name = 'AppendError';
    this.acknowledged = acknowledged;
  }
}

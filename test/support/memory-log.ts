import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { PipelineError } from '../../src/errors.ts';
import { createAppendSignal } from '../../src/event-log/embedded/append-signal.ts';
import { startConsumption } from '../../src/event-log/embedded/consumption.ts';
import { createPartitioner } from '../../src/event-log/murmur2.ts';
import type {
  Consumption,
  DeliveryHandler,
  EventLog,
  LogRecord,
  NewRecord,
  RecordPosition,
  Watermarks,
} from '../../src/event-log.ts';

/** An event log in memory to which a test can do what happens to topics: expiry, compaction, deletion, growth. */
export interface MemoryLog extends EventLog {
  /** What a fetch from an offset gives. */
  read(partition: number, from: bigint): LogRecord[];
  /** Appends to one partition, whatever the keys. Gives the offset of the first. */
  appendTo(partition: number, records: readonly NewRecord[]): bigint;
  /** Records below `offset` expire. */
  expire(partition: number, offset: bigint): void;
  /** Records in `[from, to)` vanish and leave a hole, as compaction and aborted transactions do. */
  punch(partition: number, from: bigint, to: bigint): void;
  /** The topic is deleted and created again: no records, offsets begin at 0, the source stays. */
  restart(): void;
  addPartition(): void;
}

export interface MemoryLogOptions {
  readonly topic?: string;
  readonly partitions?: number;
  readonly deliveryMaxRecords?: number;
  readonly now?: () => number;
}

interface Kept {
  start: bigint;
  end: bigint;
  readonly records: LogRecord[];
}

export function createMemoryLog(options: MemoryLogOptions = {}): MemoryLog {
  const { topic = `topic-${randomUUID()}`, now = Date.now, deliveryMaxRecords = 1000 } = options;
  const source = `memory-${randomUUID()}`;
  const partitions = Array.from({ length: options.partitions ?? 1 }, newPartition);
  const appends = createAppendSignal();
  const committed = new Map<number, bigint>();
  let partitioner = createPartitioner(partitions.length);
  let consumption: Consumption | null = null;
  let assignment = 0;
  let closing: Promise<void> | null = null;

  function kept(partition: number): Kept {
    const found = partitions[partition];
    if (found === undefined) throw new RangeError(`no partition ${partition}`);
    return found;
  }

  function appendOne(partition: number, { key, value, headers = [] }: NewRecord): RecordPosition {
    const to = kept(partition);
    const offset = to.end;
    to.records.push({ topic, partition, offset, timestamp: now(), key, value, headers });
    to.end += 1n;
    return { topic, partition, offset };
  }

  function read(partition: number, from: bigint): LogRecord[] {
    const { records } = kept(partition);
    const first = records.findIndex(({ offset }) => offset >= from);
    return first < 0 ? [] : records.slice(first, first + deliveryMaxRecords);
  }

  async function consume(handler: DeliveryHandler): Promise<Consumption> {
    if (consumption !== null) throw new PipelineError('defect', 'ALREADY_CONSUMING', 'one at a time');
    assignment += 1;
    consumption = startConsumption({
      topic,
      assignment,
      positions: new Map(partitions.map((_, partition) => [partition, committed.get(partition) ?? 0n])),
      concurrency: 3,
      fetch: async (partition, from) => read(partition, from),
      commits: { note: async (partition, next) => void committed.set(partition, next), flush: async () => {} },
      appends,
      wait: (ms, signal) => setTimeout(ms, undefined, { signal }).catch(() => undefined),
      finished: () => {
        consumption = null;
      },
      handler,
    });
    return consumption;
  }

  return {
    topic,
    kind: 'memory',
    source: async () => source,
    append: async (records) => {
      const positions = records.map((record) => appendOne(partitioner(record.key), record));
      appends.notify(new Set(positions.map(({ partition }) => partition)));
      return positions;
    },
    watermarks: async () => partitions.map(watermarksOf),
    offsetsAt: async (timestamp) =>
      partitions.map(({ records, end }, partition) => ({
        partition,
        offset: records.find((record) => record.timestamp >= timestamp)?.offset ?? end,
      })),
    consume,
    close: () => {
      closing ??= (async () => consumption?.stop())();
      return closing;
    },
    read,
    appendTo: (partition, records) => {
      const first = kept(partition).end;
      for (const record of records) appendOne(partition, record);
      appends.notify([partition]);
      return first;
    },
    expire: (partition, offset) => {
      const from = kept(partition);
      from.start = offset;
      from.records.splice(0, from.records.filter((record) => record.offset < offset).length);
    },
    punch: (partition, from, to) => {
      const { records } = kept(partition);
      const left = records.filter(({ offset }) => offset < from || offset >= to);
      records.splice(0, records.length, ...left);
    },
    restart: () => partitions.splice(0, partitions.length, ...partitions.map(newPartition)),
    addPartition: () => {
      partitions.push(newPartition());
      partitioner = createPartitioner(partitions.length);
    },
  };
}

function newPartition(): Kept {
  return { start: 0n, end: 0n, records: [] };
}

function watermarksOf({ start, end }: Kept, partition: number): Watermarks {
  return { partition, start, end };
}

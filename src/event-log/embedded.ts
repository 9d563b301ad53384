import { setTimeout } from 'node:timers/promises';
import { PipelineError } from '../errors.ts';
import type { NewRecord, RecordPosition, Watermarks } from '../event-log.ts';
import { AppendError, type Consumption, type DeliveryHandler, type EventLog, type LogRecord } from '../event-log.ts';
import type { SqlConnection } from '../sql-connection.ts';
import { sqlFile } from '../sql-file.ts';
import { type AppendSignal, createAppendSignal } from './embedded/append-signal.ts';
import { startConsumption } from './embedded/consumption.ts';
import { createPositionCommits } from './embedded/position-commits.ts';
import { type FetchedRow, fromFetched, toAppended } from './embedded/records.ts';
import { createPartitioner } from './murmur2.ts';

export interface EmbeddedLogOptions {
  readonly topic: string;
  /** A topic that has more keeps them; one that has fewer gets the missing ones. */
  readonly partitions: number;
  readonly deliveryMaxRecords: number;
  /** Bytes of keys and values; a delivery has at least one record whatever its size. */
  readonly deliveryMaxBytes: number;
  /** Partitions handled at once. */
  readonly concurrency: number;
  /** ms since 1970, the timestamp of appended records. */
  readonly now: () => number;
  /** Resolves after `ms`, or at once when the signal is aborted. Timers by default. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const sql = (name: string): string => sqlFile(import.meta.url, `embedded/${name}.sql`);
const SCHEMA = sql('schema');
const OPEN_TOPIC = sql('open-topic');
const APPEND = sql('append');
const FETCH = sql('fetch');
const WATERMARKS = sql('watermarks');
const OFFSETS_AT = sql('offsets-at');
const COMMIT_POSITIONS = sql('commit-positions');
const COMMITTED_POSITIONS = sql('committed-positions');

/**
 * The event log in schema `log` of the embedded database, which it makes there. Records wait for nobody: an append
 * wakes the loops that read its partitions, by a signal in this process. That is enough because no other process
 * appends (the database's directory is locked), and it is why a topic must be opened only once at a time.
 *
 * The database stays open when the log is closed. Errors are PipelineErrors, of `append` AppendErrors around them.
 */
export async function openEmbeddedLog(database: SqlConnection, options: EmbeddedLogOptions): Promise<EventLog> {
  const { topic } = options;
  await database.script(SCHEMA);
  const [opened] = await database.query<{ source: string; partitions: number }>(OPEN_TOPIC, [
    topic,
    options.partitions,
  ]);
  if (opened === undefined) throw new PipelineError('defect', 'LOG_NOT_OPENED', 'open-topic.sql gave no row');
  const { source, partitions } = opened;
  const appends = createAppendSignal();
  const append = createAppend({ database, topic, partitions, now: options.now, notify: appends.notify });
  const consume = createConsume(database, options, appends);
  let closing: Promise<void> | null = null;

  return {
    topic,
    kind: 'embedded',
    source: () => Promise.resolve(source),
    append,
    watermarks: () => readWatermarks(database, topic),
    offsetsAt: (timestamp) => readOffsetsAt(database, topic, timestamp),
    consume: consume.start,
    close: () => {
      closing ??= consume.stop();
      return closing;
    },
  };
}

async function readWatermarks(database: SqlConnection, topic: string): Promise<Watermarks[]> {
  const rows = await database.query<{ partition: number; start: string; end: string }>(WATERMARKS, [topic]);
  return rows.map(({ partition, start, end }) => ({ partition, start: BigInt(start), end: BigInt(end) }));
}

async function readOffsetsAt(database: SqlConnection, topic: string, timestamp: number) {
  const rows = await database.query<{ partition: number; offset: string }>(OFFSETS_AT, [topic, timestamp]);
  return rows.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) }));
}

function createAppend(parts: {
  readonly database: SqlConnection;
  readonly topic: string;
  readonly partitions: number;
  readonly now: () => number;
  readonly notify: (partitions: Iterable<number>) => void;
}): EventLog['append'] {
  const { database, topic } = parts;
  const partitionOf = createPartitioner(parts.partitions);
  return async (records: readonly NewRecord[]): Promise<RecordPosition[]> => {
    if (records.length === 0) return [];
    const appended = records.map((record) => toAppended(record, partitionOf(record.key)));
    const partitions = appended.map((record) => record.p);
    try {
      const values = [topic, parts.now(), JSON.stringify(appended)];
      const [row] = await database.query<{ firstOffsets: Record<string, string> }>(APPEND, values);
      return positionsFrom(row?.firstOffsets ?? {}, topic, partitions);
    } catch (error) {
      // One transaction: all or nothing, but which of the two is unknown when its answer is lost.
      throw new AppendError('the records may or may not be in the log', Array(records.length).fill(null), error);
    } finally {
      // After an error as well, for the same reason.
      parts.notify(new Set(partitions));
    }
  };
}

/** Counts up from the first offset of each partition, in the order of the records. */
function positionsFrom(firstOffsets: Record<string, string>, topic: string, partitions: number[]): RecordPosition[] {
  const next = new Map(Object.entries(firstOffsets).map(([partition, offset]) => [Number(partition), BigInt(offset)]));
  return partitions.map((partition) => {
    const offset = next.get(partition);
    if (offset === undefined) throw new PipelineError('defect', 'PARTITION_MISSING', `${topic} has no ${partition}`);
    next.set(partition, offset + 1n);
    return { topic, partition, offset };
  });
}

function createConsume(database: SqlConnection, options: EmbeddedLogOptions, appends: AppendSignal) {
  const { topic, now } = options;
  let assignment = 0;
  let consuming = false;
  let running: Consumption | null = null;

  async function fetch(partition: number, from: bigint): Promise<LogRecord[]> {
    const values = [topic, partition, from.toString(), options.deliveryMaxRecords, options.deliveryMaxBytes];
    const [row] = await database.query<FetchedRow>(FETCH, values);
    return row === undefined ? [] : fromFetched(row, topic, partition);
  }

  async function save(positions: ReadonlyMap<number, bigint>): Promise<void> {
    const text = Object.fromEntries([...positions].map(([partition, next]) => [partition, next.toString()]));
    await database.query(COMMIT_POSITIONS, [topic, JSON.stringify(text)]);
  }

  async function start(handler: DeliveryHandler): Promise<Consumption> {
    if (consuming) {
      throw new PipelineError('defect', 'ALREADY_CONSUMING', 'stop the consumption of this log before the next');
    }
    consuming = true;
    try {
      running = await begin(handler);
      return running;
    } catch (error) {
      consuming = false;
      throw error;
    }
  }

  async function begin(handler: DeliveryHandler): Promise<Consumption> {
    const rows = await database.query<{ partition: number; position: string }>(COMMITTED_POSITIONS, [topic]);
    const positions = new Map(rows.map(({ partition, position }) => [partition, BigInt(position)]));
    const commits = createPositionCommits({ save, now });
    const finished = (): void => {
      consuming = false;
    };
    assignment += 1;
    const { concurrency, wait = waitInterruptibly } = options;
    return startConsumption({
      topic,
      assignment,
      positions,
      concurrency,
      fetch,
      commits,
      appends,
      wait,
      finished,
      handler,
    });
  }

  return { start, stop: async () => running?.stop() };
}

async function waitInterruptibly(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

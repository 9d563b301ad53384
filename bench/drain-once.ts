import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedDatabase } from '../src/embedded-database.ts';
import { openEmbeddedLog } from '../src/event-log/embedded.ts';
import type { EventLog } from '../src/event-log.ts';
import { decodeRecord } from '../src/events/index.ts';
import { connectPostgres } from '../src/order-store/postgres/connection.ts';
import { classifyPostgresError } from '../src/order-store/postgres/errors.ts';
import { migrate } from '../src/order-store/postgres/migrate.ts';
import { postgresStore } from '../src/order-store/postgres/store.ts';
import { startPipeline } from '../src/pipeline/pipeline.ts';
import { encoded, generate } from '../test/support/generator.ts';
import { sampleMemory } from './memory.ts';
import { MIX } from './mix.ts';

/**
 * Fills an embedded log, then lets the pipeline drain it into a store: one process for each run, so that memory is its
 * own. Prints one line of JSON.
 */
interface Run {
  readonly events: number;
  /** Address of an empty database; null drains into the embedded store. */
  readonly postgres: string | null;
}

export interface DrainResult {
  readonly events: number;
  /** From the start of the pipeline to the last batch and the last retried letter. */
  readonly ms: number;
  readonly perSecond: number;
  /** Highest resident memory in MB while draining, sampled each second. */
  readonly peakMb: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

const PARTITIONS = 6;
const APPEND = 1000;
const LIMITS = { maxRecords: 1000, maxBytes: 4 * 1024 * 1024 };
const DECODE = { maxEventBytes: 256 * 1024, maxClockAheadMs: 3_600_000, unknownTypes: 'dead' } as const;

const run = JSON.parse(process.argv[2] ?? '{}') as Run;
const directory = await mkdtemp(join(tmpdir(), 'order-pipeline-bench-'));
try {
  console.log(JSON.stringify(await drain(run, directory)));
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function drain({ events, postgres }: Run, dataDir: string): Promise<DrainResult> {
  const database = await openEmbeddedDatabase({ dataDir, classify: classifyPostgresError });
  const sql = postgres === null ? database : connectPostgres({ url: postgres, maxConnections: 8 });
  await migrate(sql);
  const store = postgresStore(postgres === null ? 'embedded' : 'postgres', sql);
  const eventLog = await openEmbeddedLog(database, {
    topic: 'order-events',
    partitions: PARTITIONS,
    deliveryMaxRecords: LIMITS.maxRecords,
    deliveryMaxBytes: LIMITS.maxBytes,
    concurrency: 3,
    now: Date.now,
  });
  await fill(eventLog, events);

  const outcomes: Record<string, number> = {};
  let records = 0;
  let done = (): void => {};
  let failed = (_: unknown): void => {};
  const drained = new Promise<void>((resolve, reject) => {
    done = resolve;
    failed = reject;
  });
  const memory = sampleMemory();
  const started = performance.now();
  const pipeline = await startPipeline({
    eventLog,
    sink: store.sink,
    decode: (record) => decodeRecord(record, DECODE, Date.now()),
    limits: LIMITS,
    startFrom: 'earliest',
    parkMaxAgeMs: 86_400_000,
    ledgerRetentionMs: 30 * 86_400_000,
    now: Date.now,
    random: Math.random,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    emit: (fact) => {
      if (fact.kind === 'batch-applied') {
        records += fact.records.length;
        for (const { status } of fact.records) outcomes[status] = (outcomes[status] ?? 0) + 1;
      }
      if (records >= events) done();
    },
  });
  pipeline.ended.catch(failed);
  await drained;
  const ms = performance.now() - started;
  const peakMb = memory.stop();
  await pipeline.stop();
  await eventLog.close();
  await store.close();
  await database.close();
  return { events, ms: Math.round(ms), perSecond: Math.round((events / ms) * 1000), peakMb, outcomes };
}

async function fill(eventLog: EventLog, events: number): Promise<void> {
  let chunk: Array<ReturnType<typeof encoded>> = [];
  const options = { seed: 1, count: events, users: Math.ceil(events / 10), duplicates: 0.02, poison: 0.01 };
  for (const record of generate({ ...options, mix: MIX })) {
    chunk.push(encoded(record));
    if (chunk.length < APPEND) continue;
    await eventLog.append(chunk);
    chunk = [];
  }
  await eventLog.append(chunk);
}

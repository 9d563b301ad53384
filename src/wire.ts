import type { Config } from './config.ts';
import { openRedisMirror } from './dead-letter-mirror/redis.ts';
import type { DeadLetterMirror } from './dead-letter-mirror.ts';
import { type EmbeddedDatabase, openEmbeddedDatabase } from './embedded-database.ts';
import { PipelineError } from './errors.ts';
import { openEmbeddedLog } from './event-log/embedded.ts';
import { type LogLine, openKafkaLog } from './event-log/kafka.ts';
import type { EventLog } from './event-log.ts';
import { connectPostgres } from './order-store/postgres/connection.ts';
import { classifyPostgresError } from './order-store/postgres/errors.ts';
import { checkSchema, migrate } from './order-store/postgres/migrate.ts';
import { postgresStore } from './order-store/postgres/store.ts';
import type { OrderStore } from './order-store.ts';

/** What the configuration chose, opened. */
export interface Adapters {
  readonly store: OrderStore;
  readonly log: EventLog;
  /** Null where none is configured; its server may be away all the same. */
  readonly mirror: DeadLetterMirror | null;
  /** Closes what was opened, the last first. Called twice it is the same promise. */
  close(): Promise<void>;
}

export interface WireOptions {
  readonly now: () => number;
  /** Repeats an opening while a server is away, for as long as the start may take. */
  readonly reach: <T>(what: string, open: () => Promise<T>) => Promise<T>;
  readonly idleError: (error: PipelineError) => void;
  /** What kafkajs says while it works; not needed by commands that end at once. */
  readonly kafkaLine?: LogLine;
}

/** Connections beside the one for each partition at work: retry worker, watch, relay and the API's requests. */
const SPARE_CONNECTIONS = 8;

/** Opens what the configuration names: order store, event log and mirror. The only place that knows all adapters. */
export async function openAdapters(config: Config, options: WireOptions): Promise<Adapters> {
  requireAdapters(config);
  const opened: Array<() => Promise<void>> = [];
  const close = once(() => closeInReverse(opened));
  const embedded = onceOpened(async () => {
    const database = await openEmbeddedDatabase({ dataDir: config.dataDir, classify: classifyPostgresError });
    opened.push(() => database.close());
    return database;
  });
  try {
    const store = await openStore(config, options, embedded);
    opened.push(() => store.close());
    const log = await openLog(config, options, embedded);
    opened.push(() => log.close());
    const mirror = config.mirror === null ? null : openRedisMirror(config.mirror);
    if (mirror !== null) opened.push(() => mirror.close());
    return { store, log, mirror, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Brings the database of a configured server to this build's version; the embedded one does that at every start. */
export async function migrateStore(config: Config): Promise<{ from: number; to: number }> {
  requireAdapters({ store: config.store });
  if (config.store.kind !== 'postgres') throw noServer();
  const sql = connectPostgres({ url: config.store.url, maxConnections: 1 });
  try {
    return await migrate(sql);
  } finally {
    await sql.close();
  }
}

async function openStore(
  config: Config,
  { reach, idleError }: WireOptions,
  embedded: () => Promise<EmbeddedDatabase>,
): Promise<OrderStore> {
  switch (config.store.kind) {
    case 'embedded': {
      const database = await embedded();
      await migrate(database);
      return postgresStore('embedded', database);
    }
    case 'postgres': {
      const maxConnections = config.consumer.concurrency + SPARE_CONNECTIONS;
      const sql = connectPostgres({ url: config.store.url, maxConnections, onIdleError: idleError });
      return reach('PostgreSQL', () => checkSchema(sql)).then(
        () => postgresStore('postgres', sql),
        (error: unknown) => sql.close().then(() => Promise.reject(error)),
      );
    }
    case 'sqlserver':
      throw noAdapter('SQLSERVER_HOST');
  }
}

async function openLog(
  config: Config,
  { now, reach, kafkaLine = () => {} }: WireOptions,
  embedded: () => Promise<EmbeddedDatabase>,
): Promise<EventLog> {
  if (config.log.kind === 'kafka') {
    const options = { ...config.log, concurrency: config.consumer.concurrency, log: kafkaLine };
    return reach('Kafka', () => openKafkaLog(options));
  }
  return openEmbeddedLog(await embedded(), {
    topic: config.log.topic,
    partitions: config.log.partitions,
    deliveryMaxRecords: config.consumer.batchMaxRecords,
    deliveryMaxBytes: config.consumer.batchMaxBytes,
    concurrency: config.consumer.concurrency,
    now,
  });
}

/** Before anything is opened: what is configured and missing is told at once, and leaves nothing behind. */
function requireAdapters({ store }: Pick<Config, 'store'>): void {
  if (store.kind === 'sqlserver') throw noAdapter('SQLSERVER_HOST');
}

function noAdapter(setting: string): PipelineError {
  const message = `${setting} is set, but this build has no adapter for it yet`;
  return new PipelineError('defect', 'ADAPTER_MISSING', message);
}

function noServer(): PipelineError {
  const message = 'no server to migrate: set POSTGRES_URL. The embedded store migrates itself at every start';
  return new PipelineError('defect', 'NO_SERVER', message);
}

async function closeInReverse(opened: ReadonlyArray<() => Promise<void>>): Promise<void> {
  for (const close of [...opened].reverse()) await close();
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= work();
    return done;
  };
}

function onceOpened<T>(open: () => Promise<T>): () => Promise<T> {
  let opening: Promise<T> | null = null;
  return () => {
    opening ??= open();
    return opening;
  };
}

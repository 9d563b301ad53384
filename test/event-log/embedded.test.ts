import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedDatabase, openEmbeddedDatabase } from '../../src/embedded-database.ts';
import { PipelineError } from '../../src/errors.ts';
import { type EmbeddedLogOptions, openEmbeddedLog } from '../../src/event-log/embedded.ts';
import { AppendError, type EventLog } from '../../src/event-log.ts';
import { classifyPostgresError } from '../../src/order-store/postgres/errors.ts';
import type { SqlConnection } from '../../src/sql-connection.ts';
import { eventLogContract, type OpenedLog } from '../contracts/event-log.ts';
import { done, recordDeliveries } from '../support/deliveries.ts';
import { type TemporaryDir, temporaryDatabaseDir } from '../support/embedded.ts';

const options = (overrides: Partial<EmbeddedLogOptions> = {}): EmbeddedLogOptions => ({
  topic: 'events',
  partitions: 3,
  deliveryMaxRecords: 1_000,
  deliveryMaxBytes: 4 * 1024 * 1024,
  concurrency: 2,
  now: Date.now,
  ...overrides,
});

const openDatabase = (dir: TemporaryDir): Promise<EmbeddedDatabase> =>
  openEmbeddedDatabase({ dataDir: dir.dataDir, classify: classifyPostgresError });

const value = (text: string): { key: null; value: Uint8Array } => ({ key: null, value: Buffer.from(text) });

let topics = 0;
const newTopic = (): string => {
  topics += 1;
  return `topic-${topics}`;
};

// One database for all topics, closed and opened again where a test is about that.
eventLogContract('the embedded log', async () => {
  const dir = await temporaryDatabaseDir();
  let database = await openDatabase(dir);

  async function open(partitions: number): Promise<OpenedLog> {
    const topic = newTopic();
    let log = await openEmbeddedLog(database, options({ topic, partitions }));
    return {
      log,
      reopen: async () => {
        await log.close();
        await database.close();
        database = await openDatabase(dir);
        log = await openEmbeddedLog(database, options({ topic, partitions }));
        return log;
      },
      dispose: () => log.close(),
    };
  }

  async function openElsewhere(): Promise<OpenedLog> {
    const elsewhere = await temporaryDatabaseDir();
    const other = await openDatabase(elsewhere);
    const log = await openEmbeddedLog(other, options());
    const dispose = async (): Promise<void> => {
      await log.close();
      await other.close();
      await elsewhere.cleanup();
    };
    return { log, reopen: () => Promise.resolve(log), dispose };
  }

  const close = async (): Promise<void> => {
    await database.close();
    await dir.cleanup();
  };
  return { open, openElsewhere, close };
});

describe('the embedded log', () => {
  let dir: TemporaryDir;
  let database: EmbeddedDatabase;
  let topic: string;
  let log: EventLog;
  beforeAll(async () => {
    dir = await temporaryDatabaseDir();
    database = await openDatabase(dir);
  });
  afterAll(async () => {
    await database.close();
    await dir.cleanup();
  });
  beforeEach(() => {
    topic = newTopic();
  });
  afterEach(() => log.close());

  /** Fails the queries that contain `part`, as often as `failures` has errors. */
  function failing(part: string, failures: unknown[]): SqlConnection {
    return {
      ...database,
      query: async (text, values) => {
        if (text.includes(part) && failures.length > 0) throw failures.shift();
        return database.query(text, values);
      },
    };
  }

  test('a topic keeps its partitions when fewer are configured, and gets more when more are', async () => {
    log = await openEmbeddedLog(database, options({ topic, partitions: 4 }));
    const count = async (partitions: number): Promise<number> => {
      log = await openEmbeddedLog(database, options({ topic, partitions }));
      return (await log.watermarks()).length;
    };
    expect(await count(2)).toBe(4);
    expect(await count(6)).toBe(6);
    const positions = await log.append(Array.from({ length: 6 }, () => value('x')));
    expect(positions.map(({ partition }) => partition)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('a delivery has at most the records configured', async () => {
    log = await openEmbeddedLog(database, options({ topic, partitions: 1, deliveryMaxRecords: 4 }));
    await log.append(Array.from({ length: 10 }, () => value('x')));
    const seen = recordDeliveries();
    await log.consume(seen.handler);
    await seen.until('all records', () => seen.records().length === 10);
    expect(seen.deliveries.map(({ records }) => records.length)).toEqual([4, 4, 2]);
  });

  test('a delivery has at most the bytes configured, but one record whatever its size', async () => {
    log = await openEmbeddedLog(database, options({ topic, partitions: 1, deliveryMaxBytes: 10 }));
    await log.append(['12345', '12345', '1', '12345678901234567890', '1'].map(value));
    const seen = recordDeliveries();
    await log.consume(seen.handler);
    await seen.until('all records', () => seen.records().length === 5);
    expect(seen.deliveries.map(({ records }) => records.length)).toEqual([2, 1, 1, 1]);
  });

  test('records that are gone are skipped, and the start moves up', async () => {
    log = await openEmbeddedLog(database, options({ topic, partitions: 1 }));
    await log.append(['0', '1', '2', '3'].map(value));
    await database.query(`delete from log.records where topic = $1 and "offset" in (0, 1)`, [topic]);
    expect(await log.watermarks()).toEqual([{ partition: 0, start: 2n, end: 4n }]);
    const seen = recordDeliveries();
    await log.consume(seen.handler);
    await seen.until('the rest', () => seen.records().length === 2);
    expect(seen.deliveries[0]).toMatchObject({ fetchedFrom: 0n });
    expect(seen.records().map(({ offset }) => offset)).toEqual([2n, 3n]);
  });

  test('a fetch that meets an outage is tried again, longer each time, until it works', async () => {
    const outage = (): PipelineError => new PipelineError('outage', '53100', 'no space left on device');
    const waits: number[] = [];
    const wait = (ms: number): Promise<void> => {
      waits.push(ms);
      return Promise.resolve();
    };
    const flaky = failing('from log.records', [outage(), outage(), outage()]);
    log = await openEmbeddedLog(flaky, options({ topic, partitions: 1, wait }));
    await log.append([value('x')]);
    const seen = recordDeliveries();
    await log.consume(seen.handler);
    await seen.until('the record', () => seen.records().length === 1);
    expect(waits).toEqual([100, 200, 400]);
  });

  test('a fetch that meets a defect ends consuming', async () => {
    const defect = new PipelineError('defect', '42P01', 'relation does not exist');
    log = await openEmbeddedLog(failing('from log.records', [defect]), options({ topic, partitions: 1 }));
    const consumption = await log.consume(recordDeliveries().handler);
    await expect(consumption.ended).rejects.toBe(defect);
    expect(consumption.assigned()).toEqual([]);
  });

  test('an append whose answer is lost is an AppendError that knows nothing, and its records are delivered if there', async () => {
    const lost = new PipelineError('outage', 'EMBEDDED_DATABASE_DIED', 'the answer is lost');
    const deaf: SqlConnection = {
      ...database,
      query: async (text, values) => {
        const rows = await database.query(text, values);
        if (text.includes('log.append')) throw lost;
        return rows as never;
      },
    };
    log = await openEmbeddedLog(deaf, options({ topic, partitions: 2 }));
    const seen = recordDeliveries();
    await log.consume(seen.handler);
    const error = await log.append([value('a'), value('b')]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppendError);
    expect(error).toMatchObject({ acknowledged: [null, null], cause: lost });
    await seen.until('both records', () => seen.records().length === 2);
  });

  test('what is committed is saved once a second and at stop', async () => {
    let clock = 1_000_000;
    let saves = 0;
    const counting: SqlConnection = {
      ...database,
      query: (text, values) => {
        if (text.includes('set committed_offset')) saves += 1;
        return database.query(text, values);
      },
    };
    log = await openEmbeddedLog(counting, options({ topic, partitions: 1, deliveryMaxRecords: 1, now: () => clock }));
    await log.append(Array.from({ length: 20 }, () => value('x')));
    const seen = recordDeliveries((delivery) => {
      if (seen.deliveries.length === 10) clock += 1_000;
      return done(delivery);
    });
    const consumption = await log.consume(seen.handler);
    await seen.until('all records', () => seen.records().length === 20);
    await consumption.stop();
    expect(saves).toBe(2);
    const rows = await database.query('select committed_offset::text as next from log.partitions where topic = $1', [
      topic,
    ]);
    expect(rows).toEqual([{ next: '20' }]);
  });

  test('no more partitions are handled at once than configured, and none is left out', async () => {
    log = await openEmbeddedLog(database, options({ topic, partitions: 5, concurrency: 2, deliveryMaxRecords: 1 }));
    await log.append(Array.from({ length: 25 }, () => value('x')));
    let busy = 0;
    let most = 0;
    const seen = recordDeliveries(async (delivery) => {
      busy += 1;
      most = Math.max(most, busy);
      await new Promise((resolve) => setImmediate(resolve));
      busy -= 1;
      return done(delivery);
    });
    await log.consume(seen.handler);
    await seen.until('all records', () => seen.records().length === 25);
    expect(most).toBe(2);
    const firstRound = seen.deliveries.slice(0, 5).map(({ partition }) => partition);
    expect(firstRound.toSorted()).toEqual([0, 1, 2, 3, 4]);
  });
});

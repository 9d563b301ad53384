import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import { postgresStore } from '../../src/order-store/postgres/store.ts';
import type { OrderStore } from '../../src/order-store.ts';
import { postgresProbe } from '../order-store/postgres-probe.ts';
import { checkDump } from '../support/check-dump.ts';
import { startChild } from '../support/child.ts';
import { encoded, generate } from '../support/generator.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { arrivalOf } from '../support/model-event.ts';
import { caughtUp, eventually, runPipeline, stepReader } from '../support/pipeline-driver.ts';
import { adjustment, bytesOf } from '../support/records.ts';
import { createDatabase, postgresServer } from '../support/stores.ts';

/** Of the records of `logRecords`, by offset. */
const T0 = Date.UTC(2026, 0, 1);

describe.skipIf(postgresServer === null)('several sessions on PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let stores: OrderStore[] = [];

  beforeAll(async () => {
    database = await createDatabase(postgresServer ?? '');
  });
  afterAll(async () => {
    for (const store of stores) await store.close();
    stores = [];
    await database.drop();
  });

  function connect(): OrderStore {
    const store = postgresStore('postgres', connectPostgres({ url: database.url, maxConnections: 6 }));
    stores.push(store);
    return store;
  }

  test('two consumers handed the same deliveries: one applies each stretch, the other is fenced', async () => {
    const log = createMemoryLog();
    const count = 3000;
    log.appendTo(
      0,
      Array.from({ length: count }, () => bytesOf(adjustment('shared', 1))),
    );
    const limits = { maxRecords: 50, maxBytes: 1e6 };
    const readers = [connect(), connect()].map(({ sink }) => stepReader(log, sink, { limits }));
    await Promise.all(readers.map((reader) => reader.drain(1000)));
    const batches = readers.flatMap(({ recorded }) => recorded.of('batch-applied'));
    const stretches = batches
      .map(({ from, next }) => [Number(from), Number(next)])
      .toSorted(([a = 0], [b = 0]) => a - b);
    expect(stretches).toEqual(Array.from({ length: count / 50 }, (_, n) => [n * 50, n * 50 + 50]));
    expect(readers.flatMap(({ recorded }) => recorded.of('batch-fenced')).length).toBeGreaterThan(0);
    expect((await stores[0]?.reads.inventory('shared'))?.quantity).toBe(count);
  });

  test('a client that is frozen right after it sent a batch does not hold up its successor', async () => {
    let offset = 0;
    const log = createMemoryLog({
      now: () => {
        offset += 1;
        return T0 + offset - 1;
      },
    });
    log.appendTo(
      0,
      Array.from({ length: 1500 }, (_, n) => bytesOf(adjustment('frozen', 1, { eventId: `frozen-${n}` }))),
    );
    const store = connect();
    const known = await store.sink.openLog(await log.source(), log.topic);
    await store.sink.beginPartitions(known, [{ partition: 0, begin: 0n, start: 0n }]);
    const child = startChild('./frozen-client.ts', [database.url, JSON.stringify(known), 'frozen']);
    const pid = await child.nextLine();
    await eventually('the client stopped', async () =>
      /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8')),
    );
    const startedAt = performance.now();
    const reader = stepReader(log, store.sink);
    await reader.drain();
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect((await store.reads.inventory('frozen'))?.quantity).toBe(1500);
    expect(/^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8'))).toBe(true);
    await child.kill();
    expect((await store.reads.inventory('frozen'))?.quantity).toBe(1500);
  });

  test('sessions terminated again and again under load: nothing is lost, doubled or dead', async () => {
    const own = await createDatabase(postgresServer ?? '');
    const sql = connectPostgres({ url: own.url, maxConnections: 6 });
    const admin = connectPostgres({ url: postgresServer ?? '', maxConnections: 1 });
    const store = postgresStore('postgres', sql);
    const log = createMemoryLog({ partitions: 3 });
    const records = [...generate({ seed: 7, count: 8000, users: 400, outOfOrder: 0.05, duplicates: 0.02 })];
    await log.append(records.map(encoded));
    // Small batches, so that there are many to interrupt; waits at their shortest.
    const limits = { maxRecords: 100, maxBytes: 1e6 };
    const pipeline = await runPipeline(log, store, { limits, random: () => 0 });
    const applied = (): number => pipeline.recorded.of('batch-applied').length;
    for (let kills = 0; kills < 12; kills += 1) {
      const before = applied();
      await admin.query(
        `select count(pg_terminate_backend(pid))::text as ended from pg_stat_activity where datname = $1`,
        [new URL(own.url).pathname.slice(1)],
      );
      await eventually('another batch', () => applied() > before);
    }
    await caughtUp(log, store);
    const parked = async () => (await store.deadLetters.stats()).some(({ state }) => state === 'parked');
    await sql.script('update store.dead_letters set next_attempt_at = now() where next_attempt_at is not null');
    pipeline.lettersWaiting();
    await eventually('no letter parked', async () => !(await parked()));
    await pipeline.stop();
    expect(pipeline.recorded.of('partition-paused').length).toBeGreaterThan(0);
    const dump = await postgresProbe(sql).dump();
    expect(
      checkDump(
        records.map((record) => arrivalOf(record)),
        dump,
      ),
    ).toEqual([]);
    expect(dump.letters.filter(({ state }) => state !== 'resolved')).toEqual([]);
    await store.close();
    await admin.close();
    await own.drop();
  }, 60_000);
});

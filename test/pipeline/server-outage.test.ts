import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectPostgres } from '../../src/order-store/postgres/connection.ts';
import { postgresStore } from '../../src/order-store/postgres/store.ts';
import type { OrderStore } from '../../src/order-store.ts';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';
import { caughtUp, eventually, runPipeline, send } from '../support/pipeline-driver.ts';
import { type OwnServer, postgresBinaries, startOwnServer } from '../support/postgres-server.ts';
import { adjustment } from '../support/records.ts';
import { createDatabase } from '../support/stores.ts';

const MIB = 1024 * 1024;
const binaries = postgresBinaries();
/** How long the server is away; a quarter of an hour would show no more. */
const OUTAGE_MS = process.env['SLOW_TESTS'] === '1' ? 30_000 : 10_000;

describe.skipIf(binaries === null)(`PostgreSQL away for ${OUTAGE_MS / 1000} s under load`, () => {
  let server: OwnServer;
  let store: OrderStore;

  beforeAll(async () => {
    server = await startOwnServer(binaries ?? '');
    const { url } = await createDatabase(server.url);
    store = postgresStore('postgres', connectPostgres({ url, maxConnections: 6 }));
  });
  afterAll(async () => {
    await store.close();
    await server.dispose();
  });

  /** Some 500 events a second until told to stop; gives their number. */
  function produce(log: MemoryLog): () => Promise<number> {
    let stopping = false;
    const running = (async () => {
      let sent = 0;
      for (; !stopping; sent += 10) {
        await send(
          log,
          Array.from({ length: 10 }, () => adjustment('s', 1)),
        );
        await setTimeout(20);
      }
      return sent;
    })();
    return () => {
      stopping = true;
      return running;
    };
  }

  test('not ready within 5 s, no dead letter, nothing lost, bounded memory, consuming again within 15 s', async () => {
    const log = createMemoryLog({ partitions: 3 });
    const pipeline = await runPipeline(log, store);
    const stopProducing = produce(log);
    const batches = (): number => pipeline.recorded.of('batch-applied').length;
    await eventually('consuming', () => batches() > 100);

    const memory = process.memoryUsage().rss;
    const stoppedAt = performance.now();
    await server.stop();
    await eventually('not ready', () => pipeline.problems().some((problem) => problem.includes('(outage)')));
    expect(performance.now() - stoppedAt).toBeLessThanOrEqual(5000);
    await setTimeout(OUTAGE_MS - (performance.now() - stoppedAt));
    expect(process.memoryUsage().rss - memory).toBeLessThanOrEqual(50 * MIB);
    expect(pipeline.problems()).not.toEqual([]);

    await server.start();
    const backAt = performance.now();
    const before = batches();
    await eventually('consuming again', () => batches() > before);
    expect(performance.now() - backAt).toBeLessThanOrEqual(15_000);
    const sent = await stopProducing();
    await caughtUp(log, store);
    await pipeline.look();
    await eventually('ready again', () => pipeline.problems().length === 0);
    expect((await store.reads.inventory('s'))?.quantity).toBe(sent);
    expect(await store.deadLetters.stats()).toEqual([]);
    expect(pipeline.recorded.of('partition-paused').map(({ reason }) => reason)).toEqual(
      Array(pipeline.recorded.of('partition-resumed').length).fill('outage'),
    );
    await pipeline.stop();
  }, 120_000);
});

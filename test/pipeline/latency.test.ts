import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEmbeddedLog } from '../../src/event-log/embedded.ts';
import type { EventLog } from '../../src/event-log.ts';
import type { Pipeline } from '../../src/pipeline/pipeline.ts';
import { eventually, runPipeline, send } from '../support/pipeline-driver.ts';
import { order, payment, user } from '../support/records.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const ROUNDS = 20;

let opened: TestStore;
let log: EventLog;
let pipeline: Pipeline;

// Log and store in one embedded database, as when nothing is configured.
beforeAll(async () => {
  const embedded = storeFactories[0];
  if (embedded === undefined) throw new Error('no store');
  opened = await embedded.open();
  log = await openEmbeddedLog(opened.sql, {
    topic: 'order-events',
    partitions: 6,
    deliveryMaxRecords: 1000,
    deliveryMaxBytes: 4 * 1024 * 1024,
    concurrency: 3,
    now: Date.now,
  });
  pipeline = await runPipeline(log, opened.store);
});
afterAll(async () => {
  await pipeline.stop();
  await log.close();
  await opened.close();
});

test('payment, order, user in this order: 200 ms after the user the order reads back as paid', async () => {
  const taken: number[] = [];
  for (let n = 0; n < ROUNDS; n += 1) {
    const stats = async () => (await opened.store.deadLetters.stats()).filter(({ state }) => state === 'parked');
    await send(log, [payment(`p${n}`, `o${n}`)]);
    await send(log, [order(`o${n}`, `u${n}`)]);
    await eventually('both parked', async () => (await stats()).reduce((sum, { count }) => sum + count, 0) === 2);
    const sentAt = performance.now();
    await send(log, [user(`u${n}`)]);
    await eventually('the order paid', async () => {
      return (await opened.store.reads.order(`o${n}`))?.paymentStatus === 'PAID';
    });
    taken.push(performance.now() - sentAt);
  }
  const median = taken.toSorted((a, b) => a - b)[ROUNDS / 2] ?? 0;
  expect(median).toBeLessThanOrEqual(200);
});

import { describe, expect, test } from 'vitest';
import type { Sink } from '../../src/order-store.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { eventually, runPipeline, send, stepReader } from '../support/pipeline-driver.ts';
import { adjustment, bytesOf, order, user } from '../support/records.ts';
import { storeFactories } from '../support/stores.ts';

/** The sink, and how long each batch took, in ms. */
function timed(sink: Sink): { sink: Sink; batchMs: number[] } {
  const batchMs: number[] = [];
  const applyBatch: Sink['applyBatch'] = async (batch) => {
    const started = performance.now();
    try {
      return await sink.applyBatch(batch);
    } finally {
      batchMs.push(performance.now() - started);
    }
  };
  return { sink: { ...sink, applyBatch }, batchMs };
}

// PGlite has one session and one thread for everything: less shows the same there,
// and a machine that runs other tests at once gives it a third of a core.
describe.each(storeFactories)('many orders parked for one user on $name', (factory) => {
  const count = factory.concurrent ? 100_000 : 3_000;
  const maxMs = factory.concurrent ? 1000 : 3000;

  test(`waking ${count} of them neither blocks the log nor makes a transaction longer than ${maxMs} ms`, async () => {
    const opened = await factory.open();
    const { sink } = opened.store;
    const log = createMemoryLog({ partitions: 2 });
    for (let from = 0; from < count; from += 1000) {
      const orders = Array.from({ length: 1000 }, (_, n) => bytesOf(order(`o${from + n}`, 'u')));
      log.appendTo(0, orders);
    }
    await stepReader(log, sink).drain(count);
    // Only waking makes them due now.
    await opened.sql.script(`update store.dead_letters set next_attempt_at = now() + interval '1 hour'`);
    await opened.sql.script('analyze store.dead_letters');

    const { sink: measured, batchMs } = timed(sink);
    const pipeline = await runPipeline(log, { sink: measured });
    const applied = (): number =>
      pipeline.recorded
        .of('letters-attempted')
        .flatMap(({ letters }) => letters)
        .filter(({ status }) => status === 'applied').length;
    const others: number[] = [];
    await send(log, [user('u')]);
    await eventually('the first order', () => applied() > 0);
    while (applied() < count) {
      const sentAt = performance.now();
      log.appendTo(1, [bytesOf(adjustment('s', 1))]);
      const expected = others.length + 1;
      await eventually('the adjustment', async () => (await opened.store.reads.inventory('s'))?.quantity === expected);
      others.push(performance.now() - sentAt);
    }
    const woken = pipeline.recorded.of('batch-applied').map((batch) => batch.woken);
    expect(Math.max(...woken)).toBe(1000);
    expect(Math.max(...others)).toBeLessThanOrEqual(maxMs);
    expect(Math.max(...batchMs)).toBeLessThanOrEqual(maxMs);
    expect(await opened.store.deadLetters.stats()).toMatchObject([{ state: 'resolved', count }]);
    await pipeline.stop();
    await opened.close();
  }, 180_000);
});

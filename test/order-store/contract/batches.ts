import { expect, test } from 'vitest';
import type { PipelineError } from '../../../src/errors.ts';
import type { Driver } from '../../contracts/order-store.ts';
import { adjustment, order, payment, timeAt, user } from '../../support/records.ts';
import { applied } from '../../support/store-driver.ts';

/** Fence, position, atomicity. */
export function batchesContract(driver: Driver): void {
  test('gives one outcome for each record, in order: applied, stale, duplicate, parked, dead, ignored', async () => {
    const { apply, next, store } = driver();
    const newest = user('u1', { at: 9 });
    await apply([newest]);
    const batch = next([user('u1', { at: 1 }), order('o1', 'nobody'), newest, adjustment('s1', 5), user('x')]);
    const foreign = { kind: 'ignored', eventType: null, eventId: null } as const;
    const records = batch.records.map((record, n) => (n === 4 ? { ...record, content: foreign } : record));
    expect(await applied(store, { ...batch, records })).toEqual([
      'stale',
      'parked MISSING_REFERENCE user:nobody',
      'duplicate',
      'applied',
      'ignored',
    ]);
    expect(await apply([{ key: null, value: null }], 1)).toEqual(['dead EMPTY_VALUE']);
  });

  test('a record that is refused dead-letters itself and nothing else', async () => {
    const { apply, probe } = driver();
    const outcomes = await apply([user('u1'), { key: null, value: Buffer.from('{') }, order('o1', 'u1')]);
    expect(outcomes).toEqual(['applied', 'dead INVALID_JSON', 'applied']);
    const { users, orders, letters } = await probe.dump();
    expect([users.length, orders.length, letters.length]).toEqual([1, 1, 1]);
  });

  test('writes rows, ledger and position in one go', async () => {
    const { apply, probe, store, log } = driver();
    const events = [
      user('u1', { eventId: 'U', at: 1 }),
      order('o1', 'u1', { eventId: 'O', at: 2, totalAmount: '19.9999' }),
      payment('p1', 'o1', { eventId: 'P', at: 3, amount: '5' }),
      adjustment('s1', -3, { eventId: 'I', at: 4 }),
    ];
    expect(await apply(events, 2)).toEqual(['applied', 'applied', 'applied', 'applied']);
    expect(await probe.dump()).toEqual({
      users: [{ userId: 'u1', email: 'u1@example.com', name: 'Ada', occurredAt: timeAt(1), eventId: 'U' }],
      orders: [
        { orderId: 'o1', userId: 'u1', currency: 'EUR', totalAmount: '19.9999', occurredAt: timeAt(2), eventId: 'O' },
      ],
      items: [{ orderId: 'o1', lineNo: '1', sku: 's1', quantity: '1', unitPrice: '10.0000' }],
      payments: [
        {
          paymentId: 'p1',
          orderId: 'o1',
          amount: '5.0000',
          currency: 'EUR',
          method: 'card',
          occurredAt: timeAt(3),
          eventId: 'P',
        },
      ],
      inventory: [{ sku: 's1', quantity: '-3', lastAdjustedAt: timeAt(4) }],
      ledger: ['I', 'O', 'P', 'U'].map((eventId) => ({ eventId, outcome: 'applied' })),
      letters: [],
    });
    const position = (await store.sink.positions(log)).find(({ partition }) => partition === 2);
    expect(position).toEqual({
      partition: 2,
      nextOffset: 4n,
      previousTimestamp: Date.parse(timeAt(0)) + 3,
      quarantineOffset: null,
    });
  });

  test.each([1.7e18, 1.7e15, -1, -1e15, Number.MAX_SAFE_INTEGER])(
    'a record that its producer gave the time %d is applied or dead-lettered like any other',
    async (timestamp) => {
      const { next, store, log } = driver();
      const batch = next([user('u1'), { key: null, value: null }]);
      const records = batch.records.map((record) => ({ ...record, received: { ...record.received, timestamp } }));
      const outcomes = await applied(store, { ...batch, records, previousTimestamp: timestamp });
      expect(outcomes).toEqual(['applied', 'dead EMPTY_VALUE']);
      // A time that no database can hold is not remembered, rather than remembered as another one.
      const [position] = await store.sink.positions(log);
      expect([timestamp, null]).toContain(position?.previousTimestamp);
      expect((await store.deadLetters.get('order-events:0:1'))?.recordTimestamp).toMatch(/^\d{4}-\d\d-\d\dT/);
    },
  );

  test('the same stretch again is fenced and changes nothing', async () => {
    const { next, store, probe } = driver();
    const batch = next([user('u1'), adjustment('s1', 5), order('o1', 'nobody')]);
    await applied(store, batch);
    const before = await probe.everything();
    expect(await store.sink.applyBatch(batch)).toEqual({ fenced: true });
    expect(await probe.everything()).toEqual(before);
  });

  test('a stretch that begins elsewhere than at the position is fenced, before it and after it', async () => {
    const { next, store, probe, apply } = driver();
    await apply([user('u1'), user('u2')]);
    const before = await probe.everything();
    for (const expected of [0n, 1n, 3n]) {
      expect(await store.sink.applyBatch({ ...next([user('u3')]), expected, next: expected + 1n })).toEqual({
        fenced: true,
      });
    }
    expect(await probe.everything()).toEqual(before);
  });

  test('a partition that was never begun is fenced', async () => {
    const { next, store } = driver();
    expect(await store.sink.applyBatch({ ...next([user('u1')]), partition: 9 })).toEqual({ fenced: true });
  });

  test('a newer generation fences the old log', async () => {
    const { next, store, log } = driver();
    const by = { actor: 'op', note: null };
    await store.sink.beginGeneration(log, [{ partition: 0, to: 0n }], by);
    expect(await store.sink.applyBatch(next([user('u1')]))).toEqual({ fenced: true });
  });

  test('a failure in its last step leaves position, ledger, effects and letters as they were', async () => {
    const { next, store, probe } = driver();
    const batch = next([user('u1'), order('o1', 'u1'), adjustment('s1', 5), order('o2', 'nobody')]);
    const before = await probe.everything();
    const allow = await probe.refuseLetters('MISSING_REFERENCE');
    try {
      await expect(store.sink.applyBatch(batch)).rejects.toMatchObject({
        kind: 'data',
      } satisfies Partial<PipelineError>);
      expect(await probe.everything()).toEqual(before);
    } finally {
      await allow();
    }
    expect(await applied(store, batch)).toEqual([
      'applied',
      'applied',
      'applied',
      'parked MISSING_REFERENCE user:nobody',
    ]);
  });

  test('applies a thousand records of every type together', async () => {
    const { apply, probe } = driver();
    const ids = Array.from({ length: 250 }, (_, n) => `${n}`);
    const events = ids.flatMap((id) => [
      payment(`p${id}`, `o${id}`),
      order(`o${id}`, `u${id}`),
      user(`u${id}`),
      adjustment(`s${Number(id) % 10}`, 1),
    ]);
    expect(new Set(await apply(events))).toEqual(new Set(['applied']));
    const { users, orders, payments, ledger } = await probe.dump();
    expect([users, orders, payments, ledger].map((rows) => rows.length)).toEqual([250, 250, 250, 1000]);
  });
}

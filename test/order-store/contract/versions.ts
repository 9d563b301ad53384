import { describe, expect, test } from 'vitest';
import type { LogBatch } from '../../../src/batch.ts';
import type { Driver } from '../../contracts/order-store.ts';
import type { EventJson } from '../../support/model-event.ts';
import { adjustment, order, payment, timeAt, user } from '../../support/records.ts';

interface Versioned {
  readonly what: string;
  /** One version of the entity; `mark` is told from the row. */
  readonly version: (stamp: { at: number; eventId?: string }, mark: string) => EventJson;
  readonly mark: (dump: Awaited<ReturnType<ReturnType<Driver>['probe']['dump']>>) => string | undefined;
}

const VERSIONED: readonly Versioned[] = [
  {
    what: 'a user',
    version: (stamp, mark) => user('v', { ...stamp, name: mark }),
    mark: ({ users }) => users.find(({ userId }) => userId === 'v')?.name,
  },
  {
    what: 'an order',
    version: (stamp, mark) => order('v', 'u1', { ...stamp, currency: mark }),
    mark: ({ orders }) => orders.find(({ orderId }) => orderId === 'v')?.currency,
  },
  {
    what: 'a payment',
    version: (stamp, mark) => payment('v', 'o1', { ...stamp, currency: mark }),
    mark: ({ payments }) => payments[0]?.currency,
  },
];

/** Last writer wins by (occurredAt, eventId); inventory adds up. */
export function versionsContract(driver: Driver): void {
  describe.each(VERSIONED)('$what', ({ version, mark }) => {
    const parents = (): EventJson[] => [user('u1'), order('o1', 'u1')];

    test('an older event is stale, a newer one replaces the row', async () => {
      const { apply, probe } = driver();
      await apply([...parents(), version({ at: 5 }, 'MID')]);
      expect(await apply([version({ at: 4 }, 'OLD')])).toEqual(['stale']);
      expect(mark(await probe.dump())).toBe('MID');
      expect(await apply([version({ at: 6 }, 'NEW')])).toEqual(['applied']);
      expect(mark(await probe.dump())).toBe('NEW');
    });

    test('of events of the same moment the greater event id wins, by bytes, in whichever order they come', async () => {
      const { apply, probe } = driver();
      await apply([...parents(), version({ at: 5, eventId: 'B' }, 'BBB')]);
      expect(await apply([version({ at: 5, eventId: 'a' }, 'AAA')])).toEqual(['applied']);
      expect(await apply([version({ at: 5, eventId: 'C' }, 'CCC')])).toEqual(['stale']);
      expect(mark(await probe.dump())).toBe('AAA');
    });

    test('the newest of a batch wins and the others are stale, wherever they lie in it', async () => {
      const { apply, probe } = driver();
      const versions = [version({ at: 5 }, 'MID'), version({ at: 9 }, 'NEW'), version({ at: 1 }, 'OLD')];
      expect(await apply([...parents(), ...versions])).toEqual(['applied', 'applied', 'stale', 'applied', 'stale']);
      expect(mark(await probe.dump())).toBe('NEW');
    });

    test('an event that the row carries already is stale once the ledger has forgotten it', async () => {
      const { apply, store, probe } = driver();
      const current = version({ at: 5 }, 'MID');
      await apply([...parents(), current]);
      const later = (await store.sink.now()) + 60_000;
      expect(await store.sink.prune({ ledgerBefore: later, payloadsBefore: later })).toMatchObject({ ledgerRows: 3 });
      expect(await apply([current])).toEqual(['stale']);
      await store.sink.prune({ ledgerBefore: later, payloadsBefore: later });
      expect(await apply([version({ at: 9, eventId: current.eventId }, 'NEW')])).toEqual(['stale']);
      expect(mark(await probe.dump())).toBe('MID');
    });
  });

  test('an old event is stale even if its parent is missing or its e-mail taken', async () => {
    const { apply } = driver();
    await apply([
      user('u1', { at: 5 }),
      user('u2', { at: 5 }),
      order('o1', 'u1', { at: 5 }),
      payment('p1', 'o1', { at: 5 }),
    ]);
    expect(
      await apply([
        user('u2', { at: 1, email: 'u1@example.com' }),
        order('o1', 'nobody', { at: 1 }),
        payment('p1', 'nothing', { at: 1 }),
      ]),
    ).toEqual(['stale', 'stale', 'stale']);
  });

  test('an event older than the winner of its batch is stale even if it could not be admitted', async () => {
    const { apply } = driver();
    await apply([user('u1')]);
    expect(
      await apply([
        user('u2', { at: 1, email: 'u1@example.com' }),
        user('u2', { at: 5 }),
        order('o1', 'nobody', { at: 1 }),
        order('o1', 'u1', { at: 5 }),
        payment('p1', 'nothing', { at: 1 }),
        payment('p1', 'o1', { at: 5 }),
      ]),
    ).toEqual(['stale', 'applied', 'stale', 'applied', 'stale', 'applied']);
  });

  test('a newer event that cannot be admitted does not beat an older one that can', async () => {
    const { apply, probe } = driver();
    await apply([user('u1')]);
    expect(
      await apply([
        user('u2', { at: 1 }),
        user('u2', { at: 5, email: 'u1@example.com' }),
        order('o1', 'u1', { at: 1 }),
        order('o1', 'nobody', { at: 5 }),
        payment('p1', 'o1', { at: 1 }),
        payment('p1', 'nothing', { at: 5 }),
      ]),
    ).toEqual([
      'applied',
      'dead EMAIL_TAKEN email:u1@example.com',
      'applied',
      'parked MISSING_REFERENCE user:nobody',
      'applied',
      'parked MISSING_REFERENCE order:nothing',
    ]);
    expect((await probe.dump()).orders).toMatchObject([{ orderId: 'o1', userId: 'u1' }]);
  });

  test('a newer order replaces its items, be they fewer or more; an older one leaves them', async () => {
    const { apply, probe } = driver();
    const lines = (...skus: string[]) => skus.map((sku, n) => ({ sku, quantity: n + 1, unitPrice: `${n}.5` }));
    const skus = async () => (await probe.dump()).items.map(({ lineNo, sku }) => `${lineNo} ${sku}`);
    await apply([user('u1'), order('o1', 'u1', { at: 3, items: lines('a', 'b') })]);
    await apply([order('o1', 'u1', { at: 5, items: lines('c') })]);
    expect(await skus()).toEqual(['1 c']);
    await apply([
      order('o1', 'u1', { at: 7, items: lines('c', 'c', 'd') }),
      order('o1', 'u1', { at: 6, items: lines('z') }),
    ]);
    expect(await skus()).toEqual(['1 c', '2 c', '3 d']);
    await apply([order('o1', 'u1', { at: 4, items: lines('e', 'f') })]);
    expect(await skus()).toEqual(['1 c', '2 c', '3 d']);
  });

  test('inventory is the sum of its deltas in any order, across batches, and may be negative', async () => {
    const { apply, probe } = driver();
    await apply([adjustment('s1', -5, { at: 9 }), adjustment('s1', 2, { at: 1 })]);
    expect((await probe.dump()).inventory).toEqual([{ sku: 's1', quantity: '-3', lastAdjustedAt: timeAt(9) }]);
    await apply([adjustment('s1', 10, { at: 4 })], 1);
    expect((await probe.dump()).inventory).toEqual([{ sku: 's1', quantity: '7', lastAdjustedAt: timeAt(9) }]);
  });

  test('a sum beyond a bigint is a data error and changes nothing', async () => {
    const { next, store, probe } = driver();
    await store.sink.applyBatch(withDelta(next([adjustment('s1', 1)]), 2 ** 63 - 1024));
    const before = await probe.everything();
    const beyondTheRow = next([user('u1'), adjustment('s1', 1024)], 1);
    await expect(store.sink.applyBatch(beyondTheRow)).rejects.toMatchObject({ kind: 'data' });
    const beyondByItself = withDelta(next([adjustment('s2', 1), adjustment('s2', 1)], 1), 2 ** 62);
    await expect(store.sink.applyBatch(beyondByItself)).rejects.toMatchObject({ kind: 'data' });
    expect(await probe.everything()).toEqual(before);
  });
}

/** Deltas beyond the contract, for a sum gets out of range only after nine thousand million events. */
function withDelta(batch: LogBatch, delta: number): LogBatch {
  const records = batch.records.map((record) => {
    const { content } = record;
    if (content.kind !== 'event' || content.event.eventType !== 'InventoryAdjusted') return record;
    const event = { ...content.event, payload: { ...content.event.payload, delta } };
    return { ...record, content: { ...content, event } };
  });
  return { ...batch, records };
}

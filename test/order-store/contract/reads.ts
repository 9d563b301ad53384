import { expect, test } from 'vitest';
import type { Keyset } from '../../../src/reads.ts';
import type { Driver } from '../../contracts/order-store.ts';
import { adjustment, bytesOf, letterBatch, order, payment, timeAt, user } from '../../support/records.ts';
import { applied, openLetter } from '../../support/store-driver.ts';

/** What was accepted reads back as the same text, the same value and the same instant. */
export function readsContract(driver: Driver): void {
  const reads = () => driver().store.reads;

  test('nobody is null', async () => {
    const { user: readUser, order: readOrder, inventory, ordersOfUser, event } = reads();
    const page = { limit: 5, after: null };
    expect([
      await readUser('x'),
      await readOrder('x'),
      await inventory('x'),
      await ordersOfUser('x', page),
      await event('x'),
    ]).toEqual([null, null, null, null, null]);
  });

  test('a user with the newest five orders by time, then by id', async () => {
    const { apply } = driver();
    const placed = [1, 2, 3, 3, 4, 5].map((at, n) => order(`o${n}`, 'u1', { at }));
    await apply([user('u1', { at: 0.123, name: "Zoë \u{1f600} O'Brien", email: 'Ann@Example.com' }), ...placed]);
    const view = await reads().user('u1');
    expect(view).toMatchObject({
      userId: 'u1',
      email: 'Ann@Example.com',
      name: "Zoë \u{1f600} O'Brien",
      createdAt: timeAt(0.123),
    });
    expect(view?.recentOrders.map(({ orderId }) => orderId)).toEqual(['o5', 'o4', 'o3', 'o2', 'o1']);
    expect(view?.recentOrders[0]).toEqual({
      orderId: 'o5',
      currency: 'EUR',
      totalAmount: '10.00',
      placedAt: timeAt(5),
      paymentStatus: 'UNPAID',
    });
  });

  test('a user without orders has none', async () => {
    await driver().apply([user('u1')]);
    expect((await reads().user('u1'))?.recentOrders).toEqual([]);
    expect(await reads().ordersOfUser('u1', { limit: 5, after: null })).toEqual([]);
  });

  test('ids differ by case', async () => {
    await driver().apply([user('u1'), user('U1', { email: 'other@example.com' })]);
    expect([(await reads().user('u1'))?.userId, (await reads().user('U1'))?.userId]).toEqual(['u1', 'U1']);
  });

  test('pages of orders neither repeat nor skip orders of one moment', async () => {
    const { apply } = driver();
    await apply([user('u1'), ...[1, 2, 2, 2, 2, 3].map((at, n) => order(`o${n}`, 'u1', { at }))]);
    const seen: string[] = [];
    for (let after: Keyset | null = null; ; ) {
      const page: Awaited<ReturnType<ReturnType<typeof reads>['ordersOfUser']>> = await reads().ordersOfUser('u1', {
        limit: 2,
        after,
      });
      const last = page?.at(-1);
      if (page === null || last === undefined) break;
      seen.push(...page.map(({ orderId }) => orderId));
      after = { at: last.placedAt, id: last.orderId };
    }
    expect(seen).toEqual(['o5', 'o4', 'o3', 'o2', 'o1', 'o0']);
  });

  test('an order with its items in their order and its payments by time', async () => {
    const { apply } = driver();
    const items = [
      { sku: 'b', quantity: 2, unitPrice: '0' },
      { sku: 'a', quantity: 1_000_000, unitPrice: '999999999999999.9999' },
    ];
    await apply([
      user('u1'),
      order('o1', 'u1', { at: 1, items, totalAmount: '19.9' }),
      payment('p2', 'o1', { at: 3, amount: '0.0001', method: 'card' }),
      payment('p1', 'o1', { at: 2, amount: '5', method: 'invoice' }),
    ]);
    expect(await reads().order('o1')).toEqual({
      orderId: 'o1',
      userId: 'u1',
      currency: 'EUR',
      totalAmount: '19.90',
      placedAt: timeAt(1),
      items: [
        { sku: 'b', quantity: 2, unitPrice: '0.00' },
        { sku: 'a', quantity: 1_000_000, unitPrice: '999999999999999.9999' },
      ],
      payments: [
        { paymentId: 'p1', amount: '5.00', currency: 'EUR', method: 'invoice', settledAt: timeAt(2) },
        { paymentId: 'p2', amount: '0.0001', currency: 'EUR', method: 'card', settledAt: timeAt(3) },
      ],
      amountPaid: '5.0001',
      paymentStatus: 'PARTIALLY_PAID',
    });
  });

  test.each([
    { total: '10.00', paid: [], status: 'UNPAID', amountPaid: '0.00' },
    { total: '0', paid: [], status: 'PAID', amountPaid: '0.00' },
    { total: '10.00', paid: ['9.9999'], status: 'PARTIALLY_PAID', amountPaid: '9.9999' },
    { total: '10.00', paid: ['4', '6.0000'], status: 'PAID', amountPaid: '10.00' },
    { total: '10.00', paid: ['10', '0.0001'], status: 'OVERPAID', amountPaid: '10.0001' },
    { total: '0', paid: ['1'], status: 'OVERPAID', amountPaid: '1.00' },
  ])(
    'an order over $total with payments $paid is $status, in every view',
    async ({ total, paid, status, amountPaid }) => {
      const { apply } = driver();
      const payments = paid.map((amount, n) => payment(`p${n}`, 'o1', { amount }));
      const foreign = payment('foreign', 'o1', { amount: '99', currency: 'USD' });
      await apply([user('u1'), order('o1', 'u1', { totalAmount: total }), ...payments, foreign]);
      expect(await reads().order('o1')).toMatchObject({ paymentStatus: status, amountPaid });
      expect((await reads().user('u1'))?.recentOrders).toMatchObject([{ paymentStatus: status }]);
      expect(await reads().ordersOfUser('u1', { limit: 1, after: null })).toMatchObject([{ paymentStatus: status }]);
    },
  );

  test('times are kept to the millisecond, in UTC, from the first year to the last', async () => {
    const { apply } = driver();
    const at = async (occurredAt: string, userId: string) => {
      await apply([{ ...user(userId), occurredAt }]);
      return (await reads().user(userId))?.createdAt;
    };
    expect(await at('2000-01-01T00:00:00.001Z', 'u1')).toBe('2000-01-01T00:00:00.001Z');
    expect(await at('2025-12-31T23:59:59.9999999+01:00', 'u2')).toBe('2025-12-31T22:59:59.999Z');
    expect(await at('2001-06-01T12:00:00Z', 'u3')).toBe('2001-06-01T12:00:00.000Z');
  });

  test('inventory is a number while a number is exact, and text beyond', async () => {
    const { apply, next, store } = driver();
    await apply([adjustment('s1', -7, { at: 3 })]);
    expect(await reads().inventory('s1')).toEqual({ sku: 's1', quantity: -7, lastAdjustedAt: timeAt(3) });
    const batch = next([adjustment('s2', 1)]);
    const records = batch.records.map((record) => ({
      ...record,
      content: JSON.parse(JSON.stringify(record.content).replace('"delta":1,', '"delta":9007199254740992,')),
    }));
    await applied(store, { ...batch, records });
    expect(await reads().inventory('s2')).toMatchObject({ quantity: '9007199254740992' });
  });

  test('where is my event: the ledger decides, and names the log position', async () => {
    const { apply } = driver();
    await apply([user('u1', { at: 5, eventId: 'new' }), user('u1', { at: 1, eventId: 'old' })], 3);
    expect(await reads().event('new')).toMatchObject({
      eventId: 'new',
      eventType: 'UserCreated',
      status: 'applied',
      topic: 'order-events',
      partition: 3,
      offset: '0',
      occurredAt: timeAt(5),
      reason: null,
      deadLetters: [],
    });
    expect(await reads().event('old')).toMatchObject({ status: 'stale', offset: '1' });
  });

  test('an event in the ledger is applied whatever letters came under its id later', async () => {
    const { apply } = driver();
    await apply([adjustment('s1', 5, { eventId: 'same' }), adjustment('s1', 7, { eventId: 'same' })]);
    const status = await reads().event('same');
    expect(status).toMatchObject({
      status: 'applied',
      offset: '0',
      deadLetters: [{ reason: 'ID_CONFLICT', offset: '1' }],
    });
  });

  test('an event that only has letters is as the newest open one says, then as the newest closed one', async () => {
    const { apply, store } = driver();
    const orphan = order('o1', 'nobody', { eventId: 'e1' });
    await apply([orphan, orphan, orphan]);
    const discard = (n: number) => store.deadLetters.discard(`order-events:0:${n}`, null, { actor: 'op', note: null });
    expect(await reads().event('e1')).toMatchObject({ status: 'parked', offset: '2', reason: 'MISSING_REFERENCE' });
    await discard(2);
    expect(await reads().event('e1')).toMatchObject({
      status: 'parked',
      offset: '1',
      occurredAt: null,
      processedAt: null,
    });
    await discard(1);
    await discard(0);
    const closed = await reads().event('e1');
    expect(closed).toMatchObject({ status: 'discarded', offset: '2' });
    expect(closed?.deadLetters).toHaveLength(3);
  });

  test('an event that a person mended is found under its new id', async () => {
    const { apply, store } = driver();
    await apply([{ key: null, value: Buffer.from('{') }]);
    const value = bytesOf(user('u1', { eventId: 'mended' })).value ?? new Uint8Array();
    await applied(store, letterBatch([await openLetter(store, 'order-events:0:0')], { edit: { value, key: null } }));
    expect(await reads().event('mended')).toMatchObject({ status: 'applied', deadLetters: [{ state: 'resolved' }] });
  });

  test('processed events are newest first, by type, in pages that neither repeat nor skip', async () => {
    const { apply } = driver();
    await apply([
      user('u1', { eventId: 'b' }),
      adjustment('s1', 1, { eventId: 'a' }),
      adjustment('s1', 1, { eventId: 'c' }),
    ]);
    await apply([adjustment('s1', 1, { eventId: 'd' })]);
    const seen: string[] = [];
    for (let after: Keyset | null = null; ; ) {
      const page: Awaited<ReturnType<ReturnType<typeof reads>['processedEvents']>> = await reads().processedEvents(
        {},
        { limit: 1, after },
      );
      const last = page.at(-1);
      if (last === undefined) break;
      seen.push(last.eventId);
      after = { at: last.processedAt, id: last.eventId };
    }
    expect(seen).toEqual(['d', 'c', 'b', 'a']);
    const adjustments = await reads().processedEvents({ eventType: 'InventoryAdjusted' }, { limit: 9, after: null });
    expect(adjustments.map(({ eventId }) => eventId)).toEqual(['d', 'c', 'a']);
    expect(adjustments[2]).toMatchObject({ entityId: 's1', outcome: 'applied', partition: 0, offset: '1' });
  });
}

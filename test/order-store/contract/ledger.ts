import { expect, test } from 'vitest';
import type { Driver } from '../../contracts/order-store.ts';
import { adjustment, letterBatch, order, user } from '../../support/records.ts';
import { applied, openLetter } from '../../support/store-driver.ts';

/** An event id changes the tables once, by whichever path it comes. */
export function ledgerContract(driver: Driver): void {
  test('an event that comes again in a later batch, or in another partition, is a duplicate', async () => {
    const { apply, probe } = driver();
    const five = adjustment('s1', 5);
    await apply([five]);
    expect(await apply([five])).toEqual(['duplicate']);
    expect(await apply([adjustment('s2', 1), five], 1)).toEqual(['applied', 'duplicate']);
    expect((await probe.dump()).inventory).toMatchObject([{ quantity: '5' }, { quantity: '1' }]);
  });

  test('a stale event is remembered too', async () => {
    const { apply, probe } = driver();
    const old = user('u1', { at: 1 });
    await apply([user('u1', { at: 2, eventId: 'newer' })]);
    expect(await apply([old])).toEqual(['stale']);
    expect(await apply([old], 1)).toEqual(['duplicate']);
    expect((await probe.dump()).ledger).toContainEqual({ eventId: old.eventId, outcome: 'stale' });
  });

  test('a known id with another body is a dead letter and leaves the first one alone', async () => {
    const { apply, probe } = driver();
    await apply([adjustment('s1', 5, { eventId: 'same' })]);
    expect(await apply([adjustment('s1', 7, { eventId: 'same' })])).toEqual(['dead ID_CONFLICT']);
    const { inventory, letters } = await probe.dump();
    expect(inventory).toMatchObject([{ quantity: '5' }]);
    expect(letters).toMatchObject([{ eventId: 'same', reason: 'ID_CONFLICT', state: 'dead' }]);
  });

  test('an id under another event type conflicts as well', async () => {
    const { apply } = driver();
    await apply([user('u1', { eventId: 'same' })]);
    expect(await apply([adjustment('s1', 5, { eventId: 'same' })])).toEqual(['dead ID_CONFLICT']);
  });

  test('ids differ by case', async () => {
    const { apply } = driver();
    expect(await apply([adjustment('s1', 5, { eventId: 'a' }), adjustment('s1', 5, { eventId: 'A' })])).toEqual([
      'applied',
      'applied',
    ]);
  });

  test('twins in a batch: the first counts, an equal one is a duplicate, another body conflicts', async () => {
    const { apply, probe } = driver();
    const five = adjustment('s1', 5, { eventId: 'same' });
    expect(await apply([five, five, adjustment('s1', 7, { eventId: 'same' }), five])).toEqual([
      'applied',
      'duplicate',
      'dead ID_CONFLICT',
      'duplicate',
    ]);
    expect((await probe.dump()).inventory).toMatchObject([{ quantity: '5' }]);
  });

  test('the twin of a stale event is a duplicate', async () => {
    const { apply } = driver();
    const old = user('u1', { at: 1 });
    await apply([user('u1', { at: 2 })]);
    expect(await apply([old, old])).toEqual(['stale', 'duplicate']);
  });

  test('the twin of a parked or dead event gets a letter of its own with the same fate', async () => {
    const { apply, probe } = driver();
    const orphan = order('o1', 'nobody');
    const rival = user('u2', { email: 'u1@example.com' });
    expect(await apply([user('u1'), orphan, rival, orphan, rival])).toEqual([
      'applied',
      'parked MISSING_REFERENCE user:nobody',
      'dead EMAIL_TAKEN email:u1@example.com',
      'parked MISSING_REFERENCE user:nobody',
      'dead EMAIL_TAKEN email:u1@example.com',
    ]);
    expect((await probe.dump()).letters).toHaveLength(4);
  });

  test('of twins that are parked one is applied in the end, the other a duplicate', async () => {
    const { apply, retryUntilQuiet, probe } = driver();
    const orphan = order('o1', 'u1');
    await apply([orphan, orphan]);
    await apply([user('u1')]);
    expect(Object.values(await retryUntilQuiet()).sort()).toEqual(['applied', 'duplicate']);
    expect((await probe.dump()).letters.map(({ state }) => state)).toEqual(['resolved', 'resolved']);
  });

  test('what the ledger knows comes before what twins say', async () => {
    const { apply } = driver();
    const known = adjustment('s1', 5, { eventId: 'same' });
    const other = adjustment('s1', 7, { eventId: 'same' });
    await apply([known]);
    expect(await apply([other, known, other])).toEqual(['dead ID_CONFLICT', 'duplicate', 'dead ID_CONFLICT']);
  });

  test('the twin of a letter that is fenced is left alone, whichever body it has', async () => {
    const { apply, store, probe } = driver();
    await apply([order('o1', 'u1', { eventId: 'same' }), order('o2', 'u1')]);
    await apply([order('o1', 'u1', { eventId: 'same', totalAmount: '7.00' })]);
    await apply([order('o1', 'u1', { eventId: 'same' })]);
    const ids = ['order-events:0:0', 'order-events:0:2', 'order-events:0:3'];
    const letters = await Promise.all(ids.map((id) => openLetter(store, id)));
    await store.deadLetters.discard('order-events:0:0', null, { actor: 'op', note: null });
    const before = await probe.everything();
    expect(await applied(store, letterBatch(letters))).toEqual(['fenced', 'fenced', 'fenced']);
    expect(await probe.everything()).toEqual(before);
  });

  test('a letter whose event came by another way is resolved as a duplicate', async () => {
    const { apply, store, probe } = driver();
    const late = order('o1', 'u1');
    await apply([late]);
    const letter = await openLetter(store, 'order-events:0:0');
    await apply([user('u1'), late], 1);
    expect(await applied(store, letterBatch([letter]))).toEqual(['duplicate']);
    expect((await probe.dump()).letters).toMatchObject([{ state: 'resolved' }]);
  });
}

import { expect, test } from 'vitest';
import type { Driver } from '../../contracts/order-store.ts';
import { letterBatch, order, payment, user } from '../../support/records.ts';
import { applied, openLetter } from '../../support/store-driver.ts';

/** Parents, parking and waking. Parked letters are due in an hour here, so whatever is due was woken. */
export function referencesContract(driver: Driver): void {
  const dueIds = async (limit = 1000): Promise<string[]> =>
    (await driver().store.sink.claimDueLetters({ limit, maxBytes: 1e9, leaseMs: 60_000 })).map(({ id }) => id);

  test('a parent of the same batch counts, wherever it lies in it', async () => {
    const { apply } = driver();
    expect(await apply([payment('p1', 'o1'), order('o1', 'u1'), user('u1')])).toEqual([
      'applied',
      'applied',
      'applied',
    ]);
  });

  test('a parent that is itself parked or dead does not count', async () => {
    const { apply } = driver();
    expect(await apply([payment('p1', 'o1'), order('o1', 'nobody')])).toEqual([
      'parked MISSING_REFERENCE order:o1',
      'parked MISSING_REFERENCE user:nobody',
    ]);
    expect(await apply([user('u1'), user('u2', { email: 'u1@example.com' }), order('o2', 'u2')])).toEqual([
      'applied',
      'dead EMAIL_TAKEN email:u1@example.com',
      'parked MISSING_REFERENCE user:u2',
    ]);
  });

  test('the transaction that creates a parent makes due what waits for it, and nothing else', async () => {
    const { apply } = driver();
    await apply([order('o1', 'u1'), order('o2', 'u2'), order('o3', 'u1')]);
    expect(await dueIds()).toEqual([]);
    await apply([user('u1')], 1);
    expect((await dueIds()).sort()).toEqual(['order-events:0:0', 'order-events:0:2']);
  });

  test('it says how many letters it woke', async () => {
    const { apply, next, store } = driver();
    await apply([order('o1', 'u1'), order('o2', 'u1')]);
    expect(await store.sink.applyBatch(next([user('u1')], 1))).toMatchObject({ woken: 2 });
  });

  test('an event that changes a parent which is there already wakes nobody', async () => {
    const { apply, next, store } = driver();
    await apply([user('u1'), order('o1', 'u2')]);
    expect(await store.sink.applyBatch(next([user('u1', { at: 9 })]))).toMatchObject({ woken: 0 });
  });

  test('a letter of the batch that also brings its parent too late for it is due at once', async () => {
    const { apply } = driver();
    // u2 gives its e-mail up in this batch, yet held it as the batch began.
    await apply([user('u2', { at: 1 })]);
    expect(
      await apply([user('u3', { email: 'u2@example.com' }), user('u2', { at: 5, email: 'new@example.com' })]),
    ).toEqual(['dead EMAIL_TAKEN email:u2@example.com', 'applied']);
    expect(await dueIds()).toEqual(['order-events:0:1']);
  });

  test('a chain settles by waking alone: the user wakes the order, the order its payment', async () => {
    const { apply, retryUntilQuiet, probe } = driver();
    await apply([payment('p1', 'o1')]);
    await apply([order('o1', 'u1')], 1);
    await apply([user('u1')], 2);
    expect(await retryUntilQuiet()).toEqual({ 'order-events:0:0': 'applied', 'order-events:1:0': 'applied' });
    expect((await probe.dump()).payments).toHaveLength(1);
  });

  test('at most 1,000 letters are woken at once, and the attempts wake the rest', async () => {
    const { apply, next, store } = driver();
    const orphans = Array.from({ length: 1_003 }, (_, n) => order(`o${n}`, 'u1'));
    await apply(orphans);
    expect(await store.sink.applyBatch(next([user('u1')], 1))).toMatchObject({ woken: 1000 });
    const first = await store.sink.claimDueLetters({ limit: 2000, maxBytes: 1e9, leaseMs: 60_000 });
    expect(first).toHaveLength(1000);
    expect(await store.sink.applyBatch(letterBatch(first, { action: 'retry' }))).toMatchObject({ woken: 3 });
    expect(await dueIds()).toHaveLength(3);
  });

  test('of many parents each wakes one letter at least', async () => {
    const { apply, next, store } = driver();
    const ids = Array.from({ length: 1_100 }, (_, n) => `${n}`);
    await apply(ids.map((id) => order(`a${id}`, `u${id}`)));
    await apply(ids.map((id) => order(`b${id}`, `u${id}`)));
    expect(
      await store.sink.applyBatch(
        next(
          ids.map((id) => user(`u${id}`)),
          1,
        ),
      ),
    ).toMatchObject({ woken: 1_100 });
  });

  test('an attempt that finds its parent wakes the next one, however it ends', async () => {
    const { apply, next, store, probe } = driver();
    await apply([order('o1', 'u1', { at: 1, eventId: 'one' }), order('o2', 'u1')]);
    const [first] = await Promise.all([openLetter(store, 'order-events:0:0')]);
    // The parent comes, and is forgotten by the waking: both letters are moved away again.
    await applied(store, next([user('u1'), order('o1', 'u1', { at: 5 })], 1));
    await dueIds();
    expect(await store.sink.applyBatch(letterBatch([first]))).toMatchObject({
      outcomes: [{ status: 'stale' }],
      woken: 1,
    });
    expect(await dueIds()).toEqual(['order-events:0:1']);
    expect((await probe.dump()).letters).toMatchObject([{ state: 'resolved' }, { state: 'parked' }]);
  });

  test('an attempt that still misses its parent is parked again, later, and wakes nobody', async () => {
    const { apply, store } = driver();
    await apply([order('o1', 'u1'), order('o2', 'u1')]);
    const letter = await openLetter(store, 'order-events:0:0');
    const result = await store.sink.applyBatch(letterBatch([letter], { action: 'retry', retryInMs: 7_200_000 }));
    expect(result).toMatchObject({ outcomes: [{ status: 'parked', waitingFor: 'user:u1' }], woken: 0 });
    const again = await store.deadLetters.get(letter.id);
    expect(again).toMatchObject({ state: 'parked', attempts: 2, revision: letter.revision + 1, actions: [] });
    const delay = Date.parse(again?.nextAttemptAt ?? '') - Date.parse(again?.lastFailedAt ?? '');
    expect(delay).toBe(7_200_000);
  });

  test('a stale or duplicate attempt whose parent is still missing wakes nobody', async () => {
    const { apply, store } = driver();
    await apply([order('o1', 'nobody', { at: 1 }), order('o2', 'nobody')]);
    const letter = await openLetter(store, 'order-events:0:0');
    await apply([user('u1'), order('o1', 'u1', { at: 5 })], 1);
    expect(await store.sink.applyBatch(letterBatch([letter]))).toMatchObject({
      outcomes: [{ status: 'stale' }],
      woken: 0,
    });
  });

  test('a letter that waited too long dies, keeps what it waits for, and is woken all the same', async () => {
    const { apply, store, retryUntilQuiet } = driver();
    await apply([order('o1', 'u1'), payment('p1', 'o1')]);
    const letters = await Promise.all(['order-events:0:0', 'order-events:0:1'].map((id) => openLetter(store, id)));
    expect(await applied(store, letterBatch(letters, { action: 'retry', expired: true }))).toEqual([
      'dead MISSING_REFERENCE user:u1',
      'dead MISSING_REFERENCE order:o1',
    ]);
    expect(await store.deadLetters.get('order-events:0:0')).toMatchObject({ state: 'dead', nextAttemptAt: null });
    await apply([user('u1')], 1);
    expect(await retryUntilQuiet()).toEqual({ 'order-events:0:0': 'applied', 'order-events:0:1': 'applied' });
  });

  test('an expired letter whose parent is there is applied', async () => {
    const { apply, store } = driver();
    await apply([order('o1', 'u1')]);
    const letter = await openLetter(store, 'order-events:0:0');
    await apply([user('u1')], 1);
    expect(await applied(store, letterBatch([letter], { expired: true }))).toEqual(['applied']);
  });
}

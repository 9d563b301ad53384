import { expect, test } from 'vitest';
import type { Driver } from '../../contracts/order-store.ts';
import { adjustment, bytesOf, letterBatch, order, user } from '../../support/records.ts';
import { applied, openLetter } from '../../support/store-driver.ts';

/** What is forgotten, and what must not be. */
export function retentionContract(driver: Driver): void {
  const prune = async (ago: { ledger?: number; payloads?: number }) => {
    const now = await driver().store.sink.now();
    const limits = { ledgerBefore: now - (ago.ledger ?? 60_000), payloadsBefore: now - (ago.payloads ?? 60_000) };
    return driver().store.sink.prune(limits);
  };
  const FUTURE = -60_000;

  test('old ids are forgotten, young ones are not', async () => {
    const { apply, probe } = driver();
    await apply([user('u1'), adjustment('s1', 5)]);
    expect(await prune({})).toEqual({ ledgerRows: 0, payloads: 0 });
    expect(await prune({ ledger: FUTURE })).toEqual({ ledgerRows: 2, payloads: 0 });
    const { ledger, users } = await probe.dump();
    expect([ledger.length, users.length]).toEqual([0, 1]);
  });

  test('an id with an open letter stays until the letter is closed', async () => {
    const { apply, probe, store } = driver();
    const known = adjustment('s1', 5, { eventId: 'same' });
    await apply([known, adjustment('s1', 7, { eventId: 'same' }), adjustment('s1', 1, { eventId: 'other' })]);
    expect(await prune({ ledger: FUTURE })).toMatchObject({ ledgerRows: 1 });
    expect(await apply([known])).toEqual(['duplicate']);
    expect((await probe.dump()).inventory).toMatchObject([{ quantity: '6' }]);
    await store.deadLetters.discard('order-events:0:1', null, { actor: 'op', note: null });
    expect(await prune({ ledger: FUTURE })).toMatchObject({ ledgerRows: 1 });
  });

  test('payloads of closed letters are forgotten, edits included; the letter and its history stay', async () => {
    const { apply, store } = driver();
    await apply([{ key: Buffer.from('k'), value: Buffer.from('{') }, { key: null, value: null }, order('o1', 'u1')]);
    const edit = { value: bytesOf(user('u9')).value ?? new Uint8Array(), key: null };
    const ids = ['order-events:0:0', 'order-events:0:1'];
    for (const id of ids) await applied(store, letterBatch([await openLetter(store, id)], { edit }));
    expect(await prune({})).toMatchObject({ payloads: 0 });
    expect(await prune({ payloads: FUTURE })).toMatchObject({ payloads: 2 });
    for (const id of ids) {
      const letter = await store.deadLetters.get(id);
      expect(letter).toMatchObject({ state: 'resolved', value: null, editedValue: null });
      expect(letter?.actions).toMatchObject([{ action: 'edit', editedValue: null }]);
    }
    expect((await openLetter(store, 'order-events:0:2')).received.value).not.toBeNull();
    expect(await prune({ payloads: FUTURE })).toMatchObject({ payloads: 0 });
  });

  test('more than one transaction prunes is pruned all the same', async () => {
    const { apply, probe } = driver();
    for (let batch = 0; batch < 3; batch += 1) {
      await apply(Array.from({ length: 900 }, () => adjustment('s1', 1)));
    }
    expect(await prune({ ledger: FUTURE })).toMatchObject({ ledgerRows: 2_700 });
    expect((await probe.dump()).ledger).toEqual([]);
  });
}

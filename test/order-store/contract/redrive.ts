import { expect, test } from 'vitest';
import type { OpenLetter } from '../../../src/batch.ts';
import type { Driver } from '../../contracts/order-store.ts';
import { adjustment, bytesOf, letterBatch, order, user } from '../../support/records.ts';
import { applied, openLetter } from '../../support/store-driver.ts';

const FIRST = 'order-events:0:0';
const BY = { actor: 'op', note: 'because' };

/** Letters tried again, by the retry worker or by a person. */
export function redriveContract(driver: Driver): void {
  const details = (id = FIRST) => driver().store.deadLetters.get(id);

  /** A letter at order-events:0:0 that would be applied now; nothing woke its attempt. */
  async function mended(): Promise<OpenLetter> {
    const { apply, store } = driver();
    await apply([order('o1', 'u1', { eventId: 'e1' })]);
    await apply([user('u1')], 1);
    return openLetter(store, FIRST);
  }

  test('a letter whose event ends well is resolved and closed, and says who did it', async () => {
    const { store, probe } = driver();
    const letter = await mended();
    expect(await applied(store, letterBatch([letter]))).toEqual(['applied']);
    expect(await details()).toMatchObject({
      state: 'resolved',
      reason: 'MISSING_REFERENCE',
      attempts: 2,
      revision: letter.revision + 1,
      nextAttemptAt: null,
      actions: [{ actor: 'somebody', action: 'redrive', outcome: 'applied', note: 'a note' }],
    });
    expect(await store.deadLetters.open(FIRST)).toBeNull();
    expect((await probe.dump()).orders).toMatchObject([{ orderId: 'o1' }]);
  });

  test('the ledger places a retried event where its record lay', async () => {
    const { store } = driver();
    await applied(store, letterBatch([await mended()]));
    expect(await store.reads.event('e1')).toMatchObject({ status: 'applied', partition: 0, offset: '0' });
  });

  test('an attempt by the retry worker is written down only if it changed something', async () => {
    const { apply, store } = driver();
    await apply([order('o1', 'u1')]);
    await applied(store, letterBatch([await openLetter(store, FIRST)], { action: 'retry' }));
    expect((await details())?.actions).toEqual([]);
    await applied(store, letterBatch([await openLetter(store, FIRST)], { action: 'retry', expired: true }));
    expect((await details())?.actions).toMatchObject([{ action: 'retry', outcome: 'dead MISSING_REFERENCE' }]);
    await apply([user('u1')], 1);
    await applied(store, letterBatch([await openLetter(store, FIRST)], { action: 'retry' }));
    expect((await details())?.actions).toMatchObject([{ outcome: 'dead MISSING_REFERENCE' }, { outcome: 'applied' }]);
  });

  test('an attempt by the retry worker that leaves a letter dead for another reason is written down', async () => {
    const { apply, store } = driver();
    await apply([user('u1'), user('u2', { email: 'u1@example.com', eventId: 'same' })]);
    await apply([adjustment('s1', 1, { eventId: 'same' })], 1);
    const letter = await openLetter(store, 'order-events:0:1');
    expect(await applied(store, letterBatch([letter], { action: 'retry' }))).toEqual(['dead ID_CONFLICT']);
    expect((await details(letter.id))?.actions).toMatchObject([{ action: 'retry', outcome: 'dead ID_CONFLICT' }]);
  });

  test('an attempt by a person that fails again is written down too', async () => {
    const { apply, store } = driver();
    await apply([{ key: null, value: null }]);
    expect(await applied(store, letterBatch([await openLetter(store, FIRST)]))).toEqual(['dead EMPTY_VALUE']);
    expect(await details()).toMatchObject({ attempts: 2, actions: [{ outcome: 'dead EMPTY_VALUE' }] });
  });

  test('a letter that fails for another reason than before says so', async () => {
    const { apply, store } = driver();
    await apply([order('o1', 'u1', { eventId: 'same' })]);
    await apply([user('u1'), user('u2', { eventId: 'same' })], 1);
    expect(await applied(store, letterBatch([await openLetter(store, FIRST)]))).toEqual(['dead ID_CONFLICT']);
    expect(await details()).toMatchObject({
      state: 'dead',
      reason: 'ID_CONFLICT',
      waitingFor: null,
      nextAttemptAt: null,
    });
  });

  test('a letter whose revision moved is fenced, and only that one', async () => {
    const { apply, store } = driver();
    const letter = await mended();
    await apply([order('o2', 'u2')]);
    const moved = await openLetter(store, 'order-events:0:1');
    await applied(store, letterBatch([moved]));
    const before = await details(moved.id);
    expect(await applied(store, letterBatch([moved, letter]))).toEqual(['fenced', 'applied']);
    expect(await details(moved.id)).toEqual(before);
  });

  test('a closed or unknown letter is fenced', async () => {
    const { store, probe } = driver();
    const letter = await mended();
    await applied(store, letterBatch([letter]));
    const before = await probe.everything();
    const current = { ...letter, revision: letter.revision + 1 };
    expect(await applied(store, letterBatch([current, { ...letter, id: 'order-events:0:9' }]))).toEqual([
      'fenced',
      'fenced',
    ]);
    expect(await probe.everything()).toEqual(before);
  });

  test('refused letters that are fenced stay fenced', async () => {
    const { apply, store } = driver();
    await apply([{ key: null, value: null }]);
    const letter = await openLetter(store, FIRST);
    await store.deadLetters.discard(FIRST, null, BY);
    expect(await applied(store, letterBatch([letter]))).toEqual(['fenced']);
  });

  test('a dry run changes nothing at all and answers what the run then answers', async () => {
    const { apply, store, probe } = driver();
    await apply([
      order('o1', 'u1', { at: 1 }),
      order('o2', 'nobody'),
      { key: null, value: null },
      order('o1', 'u1', { at: 5 }),
      user('u9', { eventId: 'x' }),
      user('u8', { eventId: 'x' }),
    ]);
    await apply([user('u1')], 1);
    const ids = [0, 1, 2, 3, 5].map((offset) => `order-events:0:${offset}`);
    const letters = await Promise.all(ids.map((id) => openLetter(store, id)));
    const before = await probe.everything();
    const dry = await store.sink.applyBatch(letterBatch(letters, { dryRun: true }));
    expect(await probe.everything()).toEqual(before);
    expect(await store.sink.applyBatch(letterBatch(letters))).toEqual(dry);
    expect(dry).toMatchObject({
      outcomes: [
        { status: 'stale' },
        { status: 'parked' },
        { status: 'dead', reason: 'EMPTY_VALUE' },
        { status: 'applied' },
        { status: 'dead', reason: 'ID_CONFLICT' },
      ],
    });
    expect(await probe.everything()).not.toEqual(before);
  });

  test('an edit is tried with the new bytes and kept beside the original', async () => {
    const { apply, store, probe } = driver();
    const broken = { key: Buffer.from('u1'), value: Buffer.from('{'), headers: [] };
    await apply([broken]);
    const value = bytesOf(user('u1', { eventId: 'mended' })).value ?? new Uint8Array();
    const edit = { value, key: Buffer.from('u1') };
    expect(await applied(store, letterBatch([await openLetter(store, FIRST)], { edit }))).toEqual(['applied']);
    const letter = await details();
    expect(letter).toMatchObject({ state: 'resolved', eventId: 'mended', eventType: 'UserCreated', entityId: 'u1' });
    expect([letter?.key, letter?.value].map((bytes) => `${Buffer.from(bytes ?? [])}`)).toEqual(['u1', '{']);
    expect([letter?.editedKey, letter?.editedValue].map((bytes) => `${Buffer.from(bytes ?? [])}`)).toEqual([
      'u1',
      `${Buffer.from(value)}`,
    ]);
    expect(letter?.actions).toMatchObject([{ action: 'edit', outcome: 'applied' }]);
    expect(`${Buffer.from(letter?.actions[0]?.editedValue ?? [])}`).toBe(`${Buffer.from(value)}`);
    expect((await probe.dump()).ledger).toEqual([{ eventId: 'mended', outcome: 'applied' }]);
  });

  test('an edited letter that fails again is tried with the edited bytes from then on', async () => {
    const { apply, store } = driver();
    await apply([{ key: Buffer.from('k'), value: Buffer.from('{') }]);
    const value = bytesOf(order('o1', 'u1')).value ?? new Uint8Array();
    const edit = { value, key: null };
    expect(await applied(store, letterBatch([await openLetter(store, FIRST)], { edit }))).toEqual([
      'parked MISSING_REFERENCE user:u1',
    ]);
    const { received } = await openLetter(store, FIRST);
    expect([received.key, `${Buffer.from(received.value ?? [])}`]).toEqual([null, `${Buffer.from(value)}`]);
    await apply([user('u1')], 1);
    expect(await driver().retryUntilQuiet()).toEqual({ [FIRST]: 'applied' });
  });

  test('a letter is discarded once, with a note, and then left alone', async () => {
    const { apply, store, retryDue } = driver();
    await apply([order('o1', 'u1')]);
    expect(await store.deadLetters.discard(FIRST, null, BY)).toBe(true);
    expect(await details()).toMatchObject({
      state: 'discarded',
      nextAttemptAt: null,
      revision: 2,
      actions: [{ actor: 'op', action: 'discard', outcome: 'discarded', note: 'because' }],
    });
    expect(await store.deadLetters.discard(FIRST, null, BY)).toBe(false);
    await apply([user('u1')], 1);
    expect(await retryDue()).toEqual({});
  });

  test('a discard of a revision that moved, or of an unknown letter, changes nothing', async () => {
    const { apply, store, probe } = driver();
    await apply([order('o1', 'u1')]);
    const before = await probe.everything();
    expect(await store.deadLetters.discard(FIRST, 7, BY)).toBe(false);
    expect(await store.deadLetters.discard('none', null, BY)).toBe(false);
    expect(await probe.everything()).toEqual(before);
    expect(await store.deadLetters.discard(FIRST, 1, BY)).toBe(true);
  });

  test('a selection is oldest first, only open letters that failed before, in resumable pages of limited bytes', async () => {
    const { apply, store } = driver();
    const value = Buffer.alloc(100, 1);
    await apply([1, 2, 3, 4, 5, 6].map(() => ({ key: null, value })));
    await store.deadLetters.discard('order-events:0:3', null, BY);
    const failedBefore = Date.parse((await details())?.lastFailedAt ?? '') + 1;
    while ((await store.sink.now()) <= failedBefore);
    await apply([{ key: null, value }]);
    const select = async (page: {
      limit?: number;
      maxBytes?: number;
      after?: { lastFailedAt: string; id: string } | null;
    }) => store.deadLetters.select({ failedBefore }, { limit: 100, maxBytes: 1e6, after: null, ...page });
    const offsets = (letters: readonly OpenLetter[]) => letters.map(({ received }) => Number(received.offset));
    expect(offsets(await select({}))).toEqual([0, 1, 2, 4, 5]);
    const kinds = [
      { reason: 'EMPTY_VALUE' },
      { state: 'parked' },
      { eventType: 'UserCreated' },
      { entityId: 'u1' },
    ] as const;
    for (const filter of kinds) {
      expect(
        await store.deadLetters.select({ failedBefore, ...filter }, { limit: 9, maxBytes: 9, after: null }),
      ).toEqual([]);
    }
    expect(offsets(await select({ maxBytes: 1 }))).toEqual([0]);
    expect(offsets(await select({ maxBytes: 250 }))).toEqual([0, 1]);
    const first = await select({ limit: 2 });
    expect(offsets(await select({ after: first.at(-1)?.cursor ?? null, limit: 2 }))).toEqual([2, 4]);
    // What was tried has failed again, later than the run began, so the run does not see it twice.
    await applied(store, letterBatch(first));
    expect(offsets(await select({}))).toEqual([2, 4, 5]);
  });
}

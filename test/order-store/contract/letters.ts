import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RecordHeader } from '../../../src/event-log.ts';
import type { Driver } from '../../contracts/order-store.ts';
import { poisonCatalogue } from '../../support/poison.ts';
import { order, timeAt, user } from '../../support/records.ts';
import { applied } from '../../support/store-driver.ts';

const BY = { actor: 'op', note: 'because' };
const ALL = { limit: 100, after: null };

/** What is kept of a record that could not be applied, and how it is found again. */
export function lettersContract(driver: Driver): void {
  const letters = () => driver().store.deadLetters;

  test('every reason that a record can provoke is stored under that reason', async () => {
    const { apply, store } = driver();
    const catalogue = poisonCatalogue();
    const preceding = catalogue.flatMap((poison) => poison.preceding);
    await apply(preceding, 1);
    const outcomes = await apply(catalogue.map(({ record }) => record));
    expect(outcomes.map((outcome) => outcome.split(' ')[1])).toEqual(catalogue.map(({ reason }) => reason));
    const stored = await Promise.all(catalogue.map((_, n) => store.deadLetters.get(`order-events:0:${n}`)));
    expect(stored.map((letter) => letter?.reason)).toEqual(catalogue.map(({ reason }) => reason));
    expect(stored.every((letter) => letter !== null && letter.error.length > 0)).toBe(true);
  });

  test('a letter says where its record lay, what it was, and what went wrong', async () => {
    const { apply } = driver();
    const headers: RecordHeader[] = [['traceparent', Buffer.from('00-1-2-03')]];
    const value = Buffer.from(JSON.stringify({ ...user('u1', { eventId: 'e1' }), payload: { userId: 'u1' } }));
    await apply([user('u2'), { key: Buffer.from('u1'), value, headers }], 2);
    const letter = await letters().get('order-events:2:1');
    expect(letter).toMatchObject({
      id: 'order-events:2:1',
      state: 'dead',
      reason: 'INVALID_PAYLOAD',
      eventId: 'e1',
      eventType: 'UserCreated',
      entityId: 'u1',
      waitingFor: null,
      topic: 'order-events',
      partition: 2,
      offset: '1',
      attempts: 1,
      revision: 1,
      nextAttemptAt: null,
      truncated: false,
      editedKey: null,
      editedValue: null,
      recordTimestamp: new Date(Date.parse(timeAt(0)) + 1).toISOString(),
      actions: [],
    });
    expect(letter?.path).toBe('payload.email');
    expect([letter?.key, letter?.value].map((bytes) => Buffer.from(bytes ?? []))).toEqual([Buffer.from('u1'), value]);
    expect(letter?.headers).toEqual(headers);
    expect(letter?.firstFailedAt).toBe(letter?.lastFailedAt);
    expect(Math.abs(Date.parse(letter?.firstFailedAt ?? '') - (await driver().store.sink.now()))).toBeLessThan(10_000);
  });

  test('a parked letter says what it waits for and when it is tried next', async () => {
    const { apply, next, store } = driver();
    await apply([user('u1')]);
    await applied(store, { ...next([order('o1', 'nobody', { eventId: 'e1' })]), retryInMs: 5_000 });
    const letter = await letters().get('order-events:0:1');
    expect(letter).toMatchObject({
      state: 'parked',
      waitingFor: 'user:nobody',
      eventType: 'OrderPlaced',
      entityId: 'o1',
    });
    expect(Date.parse(letter?.nextAttemptAt ?? '') - Date.parse(letter?.lastFailedAt ?? '')).toBe(5_000);
    const dueIn = await store.sink.nextLetterDueIn();
    expect(dueIn).toBeGreaterThan(0);
    expect(dueIn).toBeLessThanOrEqual(5_000);
  });

  test('any bytes in key, value and headers come back as they were', async () => {
    const { apply, probe } = driver();
    const bytes = fc.uint8Array({ maxLength: 200 });
    const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\0', '\ud800', 'a\0b', '', '"'));
    const header = fc.tuple(name, bytes);
    const record = fc.record({
      key: fc.option(bytes),
      value: fc.option(bytes),
      headers: fc.array(header, { maxLength: 4 }),
    });
    let offset = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 5, maxLength: 5 }), async (records) => {
        await apply(records);
        for (const { key, value, headers } of records) {
          const letter = await letters().get(`order-events:0:${offset}`);
          offset += 1;
          expect(hex(letter?.key)).toEqual(hex(key));
          expect(hex(letter?.value)).toEqual(hex(value));
          expect(letter?.headers.map(([n, v]) => [n, hex(v)])).toEqual(headers.map(([n, v]) => [n, hex(v)]));
        }
      }),
      { numRuns: 12 },
    );
    expect((await probe.dump()).letters).toHaveLength(offset);
  });

  test('texts that no database could keep are made storable', async () => {
    const { next, store } = driver();
    const batch = next([{ key: null, value: Buffer.from('x') }]);
    const rejection = {
      reason: 'INVALID_PAYLOAD',
      message: `nul \0, half \ud83d, ${'\u{1f600}'.repeat(1000)}`,
      path: `a\0${'b'.repeat(500)}`,
      eventId: 'not an id',
      eventType: '\ud800',
      entityId: '\0',
    } as const;
    const records = batch.records.map((record) => ({ ...record, content: { kind: 'rejection', rejection } as const }));
    expect(await applied(store, { ...batch, records })).toEqual(['dead INVALID_PAYLOAD']);
    const letter = await letters().get('order-events:0:0');
    expect(letter).toMatchObject({ eventId: null, entityId: null, eventType: '\ufffd' });
    expect(letter?.error.startsWith('nul \ufffd, half \ufffd, \u{1f600}')).toBe(true);
    expect([letter?.error.length, letter?.path?.length].every((length) => (length ?? 0) <= 1000)).toBe(true);
  });

  test('a payload beyond 8 MiB is cut there, and the letter says so', async () => {
    const { apply } = driver();
    const limit = 8 * 1024 * 1024;
    await apply([
      { key: null, value: Buffer.alloc(limit, 1) },
      { key: null, value: Buffer.alloc(limit + 1, 1) },
    ]);
    const [whole, cut] = await Promise.all(['order-events:0:0', 'order-events:0:1'].map((id) => letters().get(id)));
    expect([whole?.truncated, whole?.value?.length]).toEqual([false, limit]);
    expect([cut?.truncated, cut?.value?.length]).toEqual([true, limit]);
  });

  test('a letter that exists stays as it is and counts as a duplicate when its record is read again', async () => {
    const { apply, store, log, next, probe } = driver();
    await apply([order('o1', 'nobody'), { key: null, value: null }]);
    const before = (await probe.everything()) as { dead_letters: unknown };
    await store.sink.setPositions(log, [{ partition: 0, to: 0n }], { ...BY, dryRun: false });
    const again = next([
      { key: null, value: Buffer.from('other bytes') },
      { key: null, value: null },
    ]);
    expect(
      await applied(store, { ...again, expected: 0n, next: 2n, records: atOffsets(again.records, [0n, 1n]) }),
    ).toEqual(['duplicate', 'duplicate']);
    expect(((await probe.everything()) as { dead_letters: unknown }).dead_letters).toEqual(before.dead_letters);
  });

  test('a list is newest first, in pages that neither repeat nor skip letters of one moment', async () => {
    const { apply } = driver();
    await apply(Array.from({ length: 5 }, () => ({ key: null, value: null })));
    await apply([order('o1', 'nobody'), order('o2', 'nobody')]);
    const ids: string[] = [];
    for (let after = null as { lastFailedAt: string; id: string } | null; ; ) {
      const page = await letters().list({}, { limit: 2, after });
      ids.push(...page.map(({ id }) => id));
      const last = page.at(-1);
      if (last === undefined) break;
      after = { lastFailedAt: last.lastFailedAt, id: last.id };
    }
    expect(ids).toEqual([6, 5, 4, 3, 2, 1, 0].map((offset) => `order-events:0:${offset}`));
  });

  test('filters: state, reason, type, entity, failed before and after, and all of them together', async () => {
    const { apply, store } = driver();
    await apply([{ key: null, value: null }, order('o1', 'nobody')]);
    const between = await newMoment(driver);
    await apply([user('u1'), user('u2', { email: 'u1@example.com' }), order('o2', 'nobody')]);
    const found = async (filter: Parameters<typeof store.deadLetters.list>[0]) =>
      (await letters().list(filter, ALL)).map(({ offset }) => Number(offset)).sort();
    expect(await found({ state: 'parked' })).toEqual([1, 4]);
    expect(await found({ reason: 'EMPTY_VALUE' })).toEqual([0]);
    expect(await found({ eventType: 'OrderPlaced' })).toEqual([1, 4]);
    expect(await found({ entityId: 'o2' })).toEqual([4]);
    expect(await found({ failedBefore: between })).toEqual([0, 1]);
    expect(await found({ failedAfter: between })).toEqual([3, 4]);
    expect(await found({ state: 'parked', eventType: 'OrderPlaced', entityId: 'o1', failedBefore: between })).toEqual([
      1,
    ]);
    expect(await found({ state: 'dead', entityId: 'o1' })).toEqual([]);
  });

  test('statistics count by state and reason, with the oldest first failure', async () => {
    const { apply } = driver();
    await apply([{ key: null, value: null }, order('o1', 'nobody'), order('o2', 'nobody')]);
    await letters().discard('order-events:0:2', null, BY);
    const oldest = (await letters().get('order-events:0:0'))?.firstFailedAt;
    const ages = { underOneHour: 1, underOneDay: 0, underOneWeek: 0, older: 0 };
    expect(await letters().stats()).toEqual([
      { state: 'dead', reason: 'EMPTY_VALUE', count: 1, oldestFirstFailedAt: oldest, ages },
      { state: 'discarded', reason: 'MISSING_REFERENCE', count: 1, oldestFirstFailedAt: oldest, ages },
      { state: 'parked', reason: 'MISSING_REFERENCE', count: 1, oldestFirstFailedAt: oldest, ages },
    ]);
  });

  test('a letter that does not exist is null', async () => {
    expect([await letters().get('none'), await letters().open('none')]).toEqual([null, null]);
  });

  test('claims give what is due, oldest due first, once, until the lease is over', async () => {
    const { apply, next, store, probe } = driver();
    for (const [n, retryInMs] of [-1_000, -2_000, -3_000].entries()) {
      await applied(store, { ...next([order(`o${n}`, 'nobody')], n), retryInMs });
    }
    await apply([order('o9', 'nobody')], 3);
    const before = await Promise.all([0, 1, 2].map((n) => letters().get(`order-events:${n}:0`)));
    const claim = { limit: 2, maxBytes: 1e9, leaseMs: 60_000 };
    expect((await store.sink.claimDueLetters(claim)).map(({ id }) => id)).toEqual([
      'order-events:2:0',
      'order-events:1:0',
    ]);
    expect((await store.sink.claimDueLetters({ ...claim, leaseMs: -1 })).map(({ id }) => id)).toEqual([
      'order-events:0:0',
    ]);
    expect((await store.sink.claimDueLetters(claim)).map(({ id }) => id)).toEqual(['order-events:0:0']);
    expect(await store.sink.claimDueLetters(claim)).toEqual([]);
    const after = await Promise.all([0, 1, 2].map((n) => letters().get(`order-events:${n}:0`)));
    expect(after.map((l) => [l?.revision, l?.attempts])).toEqual(before.map((l) => [l?.revision, l?.attempts]));
    expect((await probe.dump()).letters).toHaveLength(4);
  });

  test('a claim takes at most the bytes it may, but one letter at least', async () => {
    const { next, store } = driver();
    const events = ['o1', 'o2', 'o3'].map((id) => order(id, 'nobody', { eventId: `event-${id}` }));
    await applied(store, { ...next(events), retryInMs: -1_000 });
    const bytes = Buffer.byteLength(JSON.stringify(events[0]));
    const claim = (maxBytes: number) => store.sink.claimDueLetters({ limit: 10, maxBytes, leaseMs: -1_000 });
    expect(await claim(1)).toHaveLength(1);
    expect(await claim(2 * bytes)).toHaveLength(2);
    expect(await claim(10 * bytes)).toHaveLength(3);
  });

  test('a claimed letter carries its record as it was received', async () => {
    const { next, store } = driver();
    const batch = { ...next([order('o1', 'nobody', { eventId: 'e1' })], 1), retryInMs: -1_000 };
    await applied(store, batch);
    const [letter] = await store.sink.claimDueLetters({ limit: 1, maxBytes: 1, leaseMs: 1_000 });
    expect(letter).toMatchObject({
      id: 'order-events:1:0',
      revision: 1,
      state: 'parked',
      reason: 'MISSING_REFERENCE',
      waitingFor: 'user:nobody',
      eventId: 'e1',
      attempts: 1,
    });
    const received = batch.records[0]?.received;
    expect({ ...letter?.received, value: hex(letter?.received.value) }).toEqual({
      ...received,
      value: hex(received?.value),
    });
  });

  test('a letter that cannot be tried now moves on and stays as it is otherwise', async () => {
    const { next, store } = driver();
    await applied(store, { ...next([order('o1', 'nobody')]), retryInMs: -1_000 });
    await store.sink.postponeLetter('order-events:0:0', 90_000);
    const dueIn = (await store.sink.nextLetterDueIn()) ?? 0;
    expect(dueIn).toBeGreaterThan(80_000);
    expect(await letters().get('order-events:0:0')).toMatchObject({ state: 'parked', revision: 1, attempts: 1 });
  });

  test('nothing is due without open letters, and an overdue one says by how much', async () => {
    const { next, store } = driver();
    expect(await store.sink.nextLetterDueIn()).toBeNull();
    await applied(store, { ...next([{ key: null, value: null }]) });
    expect(await store.sink.nextLetterDueIn()).toBeNull();
    await applied(store, { ...next([order('o1', 'nobody')], 1), retryInMs: -5_000 });
    expect(await store.sink.nextLetterDueIn()).toBeLessThanOrEqual(-5_000 + 1);
  });
}

/** A moment of the database that no letter before or after it shares. */
async function newMoment(driver: Driver): Promise<number> {
  const { sink } = driver().store;
  const started = await sink.now();
  let now = started;
  while (now <= started + 1) now = await sink.now();
  const moment = now;
  while (now <= moment) now = await sink.now();
  return moment;
}

function hex(bytes: Uint8Array | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('hex');
}

function atOffsets<R extends { readonly received: { readonly offset: bigint } }>(
  records: readonly R[],
  offsets: readonly bigint[],
): R[] {
  return records.map((record, n) => ({ ...record, received: { ...record.received, offset: offsets[n] ?? 0n } }));
}

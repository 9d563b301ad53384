import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LetterCursor } from '../../src/dead-letters.ts';
import { createRedrive } from '../../src/pipeline/redrive.ts';
import type { LetterChange, RedriveOperations, RedriveReport } from '../../src/pipeline/redrive-port.ts';
import { type FaultySink, failure, faultySink } from '../support/faulty.ts';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';
import { eventually, type SteppedReader, stepReader } from '../support/pipeline-driver.ts';
import { adjustment, bytesOf, decode, order, payment, type Sent, timeAt, user } from '../support/records.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const BY = { actor: 'operator', note: 'a test' };
const TABLES = ['users', 'orders', 'order_items', 'payments', 'inventory', 'processed_events', 'dead_letters'];
const MONTHS = 100 * 86_400;
const textOf = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString();

describe.each(storeFactories)('redrive on $name', (factory) => {
  let opened: TestStore;
  let log: MemoryLog;
  let read: SteppedReader;
  let faulty: FaultySink;
  let redrive: RedriveOperations;
  let rings = 0;
  let tag = '';
  let tags = 0;

  beforeAll(async () => {
    opened = await factory.open();
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await opened.sql.script('truncate store.dead_letters');
    tags += 1;
    tag = `t${tags}`;
    rings = 0;
    log = createMemoryLog();
    read = stepReader(log, opened.store.sink);
    faulty = faultySink(opened.store.sink);
    redrive = createRedrive({
      sink: faulty.sink,
      deadLetters: opened.store.deadLetters,
      decode,
      limits: { maxRecords: 1000, maxBytes: 4 * 1024 * 1024 },
      random: () => 0.5,
      now: Date.now,
      sleep: async () => {},
      emit: () => {},
      lettersWaiting: () => {
        rings += 1;
      },
    });
  });

  /** Appends and applies; gives the id of the letter that the first record has if it has one. */
  async function apply(sent: readonly Sent[]): Promise<string> {
    const first = log.appendTo(0, sent.map(bytesOf));
    await read.drain();
    return `${log.topic}:0:${first}`;
  }

  const details = async (id: string) => {
    const letter = await opened.store.deadLetters.get(id);
    if (letter === null) throw new Error(`no letter ${id}`);
    return letter;
  };
  const change = (value: object | null, more: Partial<LetterChange> = {}): LetterChange => ({
    value: value === null ? null : Buffer.from(JSON.stringify(value)),
    key: undefined,
    eventId: null,
    ...more,
  });
  const one = (id: string, changed: LetterChange | null = null) => redrive.redriveOne(id, changed, BY, false);

  async function everything(): Promise<string[]> {
    const rows = await Promise.all(
      [...TABLES, 'dead_letter_actions'].map((table) =>
        opened.sql.query<{ hash: string | null }>(
          `select md5(string_agg(t::text, ',' order by t::text)) as hash from store.${table} t`,
        ),
      ),
    );
    return rows.map(([row]) => row?.hash ?? '');
  }

  /** A moment after every failure so far and before every later one. */
  async function now(): Promise<number> {
    const start = Date.now() + 3;
    await eventually('a moment later', () => Date.now() > start + 3);
    return start;
  }

  /** All pages of a run from the beginning; at most `pages` of them. */
  async function run(failedBefore: number, limit: number, pages = 100): Promise<RedriveReport[]> {
    const reports: RedriveReport[] = [];
    let after: LetterCursor | null = null;
    for (let page = 0; page < pages; page += 1) {
      const answer: Awaited<ReturnType<RedriveOperations['redriveMany']>> = await redrive.redriveMany(
        {},
        { failedBefore, limit, after, dryRun: false },
        BY,
      );
      reports.push(...answer.reports);
      after = answer.next;
      if (after === null) break;
    }
    return reports;
  }

  describe('in bulk', () => {
    test('a dry run answers what the run then does, and changes nothing', async () => {
      const held = user(`${tag}-a`, { email: `${tag}@example.com` });
      await apply([
        order(`${tag}-o1`, `${tag}-late`),
        payment(`${tag}-p1`, `${tag}-o1`),
        order(`${tag}-o2`, `${tag}-never`),
        { key: null, value: Buffer.from('no event') },
        held,
        user(`${tag}-b`, { email: `${tag}@example.com` }),
        { ...held, payload: { ...held.payload, name: 'Somebody Else' } },
        order(`${tag}-o3`, `${tag}-late`, { at: 1 }),
      ]);
      await apply([user(`${tag}-late`), order(`${tag}-o3`, `${tag}-late`, { at: 2 })]);
      const page = { failedBefore: await now(), limit: 100, after: null };
      const before = await everything();
      const dry = await redrive.redriveMany({}, { ...page, dryRun: true }, BY);
      expect(await everything()).toEqual(before);
      const real = await redrive.redriveMany({}, { ...page, dryRun: false }, BY);
      expect(real).toEqual(dry);
      expect(dry.histogram).toEqual({
        applied: 2,
        stale: 1,
        'parked MISSING_REFERENCE': 1,
        'dead INVALID_JSON': 1,
        'dead EMAIL_TAKEN': 1,
        'dead ID_CONFLICT': 1,
      });
      expect(await opened.store.reads.order(`${tag}-o1`)).toMatchObject({ paymentStatus: 'PAID' });
    });

    test('goes through the letters page by page', async () => {
      await apply(Array.from({ length: 25 }, (_, n) => order(`${tag}-o${n}`, `${tag}-u`)));
      await apply([user(`${tag}-u`)]);
      const reports = await run(await now(), 10);
      expect(reports.map(({ outcome }) => outcome)).toEqual(Array(25).fill('applied'));
      expect(new Set(reports.map(({ id }) => id)).size).toBe(25);
    });

    test('interrupted and run again from the beginning, it doubles nothing', async () => {
      const sent = Array.from({ length: 25 }, (_, n) => order(`${tag}-o${n}`, `${tag}-u`));
      await apply(sent);
      await apply([user(`${tag}-u`)]);
      const failedBefore = await now();
      const first = await run(failedBefore, 10, 1);
      const rest = await run(failedBefore, 10);
      const ids = [...first, ...rest].map(({ id }) => id);
      expect(ids).toHaveLength(25);
      expect(new Set(ids).size).toBe(25);
      expect(await opened.store.reads.ordersOfUser(`${tag}-u`, { limit: 100, after: null })).toHaveLength(25);
    });

    test('letters that fail again are not tried a second time by the same run', async () => {
      await apply(Array.from({ length: 12 }, (_, n) => order(`${tag}-o${n}`, `${tag}-never`)));
      const failedBefore = await now();
      const first = await run(failedBefore, 5, 1);
      expect(first.map(({ outcome, reason }) => `${outcome} ${reason}`)).toEqual(
        Array(5).fill('parked MISSING_REFERENCE'),
      );
      const rest = await run(failedBefore, 5);
      expect(rest).toHaveLength(7);
      expect(rest.filter(({ id }) => first.some((other) => other.id === id))).toEqual([]);
    });

    test('takes only what the filter names', async () => {
      await apply([{ key: null, value: Buffer.from('no event') }, order(`${tag}-o`, `${tag}-u`)]);
      const page = { failedBefore: await now(), limit: 100, after: null, dryRun: false };
      const { reports } = await redrive.redriveMany({ reason: 'INVALID_JSON' }, page, BY);
      expect(reports).toEqual([{ id: `${log.topic}:0:0`, outcome: 'dead', reason: 'INVALID_JSON', message: null }]);
    });

    test('a letter that alone runs into an error is reported, the others are applied', async () => {
      await apply([0, 1, 2, 3].map((n) => order(`${tag}-o${n}`, `${tag}-u`)));
      await apply([user(`${tag}-u`)]);
      const bad = `${log.topic}:0:2`;
      faulty.fail({
        method: 'applyBatch',
        error: failure('unforeseen'),
        batches: (batch) => batch.from === 'letters' && batch.records.some(({ id }) => id === bad),
      });
      const reports = await run(await now(), 100);
      expect(reports.map(({ id, outcome }) => (id === bad ? outcome : `other ${outcome}`)).toSorted()).toEqual([
        'failed',
        ...Array(3).fill('other applied'),
      ]);
      expect(await details(bad)).toMatchObject({ state: 'parked', attempts: 1 });
    });
  });

  describe('with an edit', () => {
    const wrong = () => ({ ...user(`${tag}-u`), payload: { userId: `${tag}-u`, email: 'nothing', name: '' } });

    test('the corrected event is applied, the original is kept, and who did it is written down', async () => {
      const event = wrong();
      const id = await apply([event]);
      const mended = { ...event, payload: { ...event.payload, email: `${tag}@example.com`, name: 'Ada' } };
      expect(await one(id, change(mended))).toMatchObject({ found: true, report: { outcome: 'applied' } });
      const letter = await details(id);
      expect(letter.state).toBe('resolved');
      expect(textOf(letter.value)).toBe(textOf(bytesOf(event).value));
      expect(JSON.parse(textOf(letter.editedValue))).toEqual(mended);
      expect(letter.actions).toMatchObject([{ action: 'edit', actor: 'operator', note: 'a test', outcome: 'applied' }]);
      expect(await opened.store.reads.user(`${tag}-u`)).toMatchObject({ name: 'Ada' });
    });

    test('that is still invalid is answered with reason and path, and nothing changes', async () => {
      const event = wrong();
      const id = await apply([event]);
      const before = await everything();
      const answer = await one(id, change({ ...event, payload: { ...event.payload, name: 'Ada' } }));
      expect(answer).toMatchObject({ found: true, invalid: { reason: 'INVALID_PAYLOAD', path: 'payload.email' } });
      expect(await everything()).toEqual(before);
    });

    test('to another event id is refused: under it the event could be applied twice', async () => {
      const id = await apply([wrong()]);
      const before = await everything();
      const answer = await one(id, change(user(`${tag}-u`, { eventId: `${tag}-other` })));
      expect(answer).toMatchObject({ found: true, invalid: { reason: 'INVALID_ENVELOPE', path: 'eventId' } });
      expect(await everything()).toEqual(before);
    });

    test('to another event id is what an ID_CONFLICT needs', async () => {
      const first = adjustment(tag, 1);
      await apply([first]);
      const id = await apply([{ ...first, payload: { ...first.payload, delta: 4 } }]);
      const answer = await one(id, change(null, { eventId: `${tag}-new` }));
      expect(answer).toMatchObject({ found: true, report: { outcome: 'applied' } });
      expect((await opened.store.reads.inventory(tag))?.quantity).toBe(5);
      expect(await opened.store.reads.event(`${tag}-new`)).toMatchObject({ status: 'applied' });
    });

    test('to an event id is what an INVALID_ENVELOPE without one needs', async () => {
      const { eventId: _, ...anonymous } = adjustment(tag, 2);
      const id = await apply([{ key: null, value: Buffer.from(JSON.stringify(anonymous)) }]);
      expect(await one(id, change(null, { eventId: `${tag}-new` }))).toMatchObject({ report: { outcome: 'applied' } });
      expect((await opened.store.reads.inventory(tag))?.quantity).toBe(2);
    });

    test('of the key alone mends a KEY_MISMATCH', async () => {
      const id = await apply([{ ...bytesOf(user(`${tag}-u`)), key: Buffer.from('somebody-else') }]);
      const key = Buffer.from(`${tag}-u`);
      expect(await one(id, change(null, { key }))).toMatchObject({ report: { outcome: 'applied' } });
    });
  });

  describe('one letter', () => {
    test('that is closed is answered as changed, one that never was as not found', async () => {
      const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
      await apply([user(`${tag}-u`)]);
      expect(await one(id)).toMatchObject({ report: { outcome: 'applied' } });
      expect(await one(id)).toMatchObject({ report: { outcome: 'changed', message: 'the letter is resolved' } });
      expect(await one(`${log.topic}:0:99`)).toEqual({ found: false });
    });

    test('that somebody discards at the same moment is answered as changed, and has no effect', async () => {
      const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
      await apply([user(`${tag}-u`)]);
      let release = (): void => {};
      faulty.hold(
        'applyBatch',
        new Promise((resolve) => {
          release = resolve;
        }),
      );
      const redriving = one(id);
      await eventually('the attempt sent', () => faulty.batches.length === 1);
      expect(await opened.store.deadLetters.discard(id, null, BY)).toBe(true);
      release();
      expect(await redriving).toMatchObject({ report: { outcome: 'changed' } });
      expect(await opened.store.reads.order(`${tag}-o`)).toBeNull();
    });

    test('that is months old never overwrites newer state', async () => {
      const id = await apply([order(`${tag}-o`, `${tag}-u`, { at: -MONTHS, totalAmount: '1.00' })]);
      await apply([user(`${tag}-u`), order(`${tag}-o`, `${tag}-u`, { at: 10, totalAmount: '2.00' })]);
      expect(await one(id)).toMatchObject({ report: { outcome: 'stale' } });
      expect(await opened.store.reads.order(`${tag}-o`)).toMatchObject({ totalAmount: '2.00', placedAt: timeAt(10) });
    });

    test('whose event arrived again and was applied meanwhile is a duplicate', async () => {
      const event = order(`${tag}-o`, `${tag}-u`);
      const id = await apply([event]);
      await apply([user(`${tag}-u`), event]);
      expect(await one(id)).toMatchObject({ report: { outcome: 'duplicate' } });
      expect((await details(id)).state).toBe('resolved');
    });

    test('whose event is a parent rings for the letters that waited for it', async () => {
      const parent = { ...user(`${tag}-u`), payload: { userId: `${tag}-u`, email: `${tag}@example.com`, name: '' } };
      const id = await apply([parent, order(`${tag}-o`, `${tag}-u`)]);
      const mended = { ...parent, payload: { ...parent.payload, name: 'Ada' } };
      expect(await one(id, change(mended))).toMatchObject({ report: { outcome: 'applied' } });
      expect(rings).toBe(1);
    });

    test('during an outage throws it, and the letter stays as it was', async () => {
      const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
      faulty.fail({ method: 'applyBatch', error: failure('outage') });
      await expect(one(id)).rejects.toMatchObject({ kind: 'outage' });
      expect(await details(id)).toMatchObject({ state: 'parked', attempts: 1, actions: [] });
    });
  });
});

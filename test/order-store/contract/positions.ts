import { expect, test } from 'vitest';
import type { Driver } from '../../contracts/order-store.ts';
import { logBatch, user } from '../../support/records.ts';
import { applied, TOPIC } from '../../support/store-driver.ts';

const BY = { actor: 'op', note: 'because' };

/** The store alone says how far each partition has been read. */
export function positionsContract(driver: Driver): void {
  const sink = () => driver().store.sink;
  const offsets = async (log = driver().log) =>
    (await sink().positions(log)).map(({ partition, nextOffset }) => `${partition}: ${nextOffset}`);

  test('a log is the same one whenever it is opened again', async () => {
    const { log } = driver();
    expect(await sink().openLog('source', TOPIC)).toEqual(log);
    expect(log).toMatchObject({ topic: TOPIC, letterSuffix: '' });
  });

  test('another source of a topic is another log, and its letters have ids of their own', async () => {
    const { apply, store, probe } = driver();
    await apply([{ key: null, value: Buffer.from('first') }]);
    const other = await sink().openLog('another', TOPIC);
    expect(other).toMatchObject({ topic: TOPIC, letterSuffix: `@${other.logNo}` });
    await sink().beginPartitions(other, [{ partition: 0, begin: 0n, start: 0n }]);
    const poison = [{ key: null, value: Buffer.from('second') }];
    expect(await applied(store, logBatch(other, 0, 0n, poison))).toEqual(['dead INVALID_JSON']);
    expect((await probe.dump()).letters.map(({ id }) => id)).toEqual([`${TOPIC}:0:0`, `${TOPIC}:0:0@${other.logNo}`]);
    const letter = await store.deadLetters.get(`${TOPIC}:0:0@${other.logNo}`);
    expect(Buffer.from(letter?.value ?? []).toString()).toBe('second');
  });

  test('the first log of another topic has no suffix', async () => {
    expect(await sink().openLog('source', 'another-topic')).toMatchObject({ letterSuffix: '' });
  });

  test('a log that was never begun has no positions', async () => {
    const log = await sink().openLog('new', TOPIC);
    expect(await sink().positions(log)).toEqual([]);
  });

  test('partitions of a new log begin where they are told to', async () => {
    const log = await sink().openLog('new', TOPIC);
    const beginnings = [0, 1].map((partition) => ({ partition, begin: 7n, start: 3n }));
    expect(await sink().beginPartitions(log, beginnings)).toEqual(
      [0, 1].map((partition) => ({ partition, nextOffset: 7n, previousTimestamp: null, quarantineOffset: null })),
    );
  });

  test('of two consumers the second takes the rows of the first', async () => {
    const log = await sink().openLog('new', TOPIC);
    await sink().beginPartitions(log, [{ partition: 0, begin: 7n, start: 3n }]);
    expect(await sink().beginPartitions(log, [{ partition: 0, begin: 99n, start: 0n }])).toMatchObject([
      { nextOffset: 7n },
    ]);
  });

  test("a partition that appears later begins at its log's start", async () => {
    const log = await sink().openLog('new', TOPIC);
    await sink().beginPartitions(log, [{ partition: 0, begin: 7n, start: 3n }]);
    await sink().beginPartitions(
      log,
      [0, 1].map((partition) => ({ partition, begin: 7n, start: 3n })),
    );
    expect(await offsets(log)).toEqual(['0: 7', '1: 3']);
  });

  test('offsets beyond 2^53 are kept exactly', async () => {
    const log = await sink().openLog('new', TOPIC);
    const begin = 2n ** 62n + 1n;
    await sink().beginPartitions(log, [{ partition: 0, begin, start: 0n }]);
    expect(await sink().positions(log)).toMatchObject([{ nextOffset: begin }]);
  });

  test('positions are changed by hand, with what was there before, who, and why', async () => {
    const { apply, log, probe } = driver();
    await apply([user('u1'), user('u2')]);
    const changes = [
      { partition: 0, to: 1n },
      { partition: 7, to: 5n },
    ];
    expect(await sink().setPositions(log, changes, { ...BY, dryRun: false })).toEqual([
      { partition: 0, from: 2n, to: 1n },
      { partition: 7, from: null, to: 5n },
    ]);
    expect(await sink().positions(log)).toMatchObject([
      { partition: 0, nextOffset: 1n, previousTimestamp: null, quarantineOffset: null },
      { partition: 1 },
      { partition: 2 },
      { partition: 3 },
      { partition: 7, nextOffset: 5n },
    ]);
    const { position_changes: audit } = (await probe.everything()) as { position_changes: unknown[] };
    expect(audit).toHaveLength(2);
    expect(audit).toContainEqual(
      expect.objectContaining({ partition: 0, from_offset: 2, to_offset: 1, actor: 'op', note: 'because' }),
    );
  });

  test('a dry run of a change of positions changes nothing and gives the same answer', async () => {
    const { apply, log, probe } = driver();
    await apply([user('u1')]);
    const before = await probe.everything();
    const changes = [{ partition: 0, to: 9n }];
    const dry = await sink().setPositions(log, changes, { ...BY, dryRun: true });
    expect(await probe.everything()).toEqual(before);
    expect(dry).toEqual(await sink().setPositions(log, changes, { ...BY, dryRun: false }));
  });

  test('a batch of the old position is fenced once the position was changed', async () => {
    const { next, log, store } = driver();
    const batch = next([user('u1')]);
    await sink().setPositions(log, [{ partition: 0, to: 9n }], { ...BY, dryRun: false });
    expect(await store.sink.applyBatch(batch)).toEqual({ fenced: true });
  });

  test('the next generation of a log has positions and letter ids of its own, and is found from then on', async () => {
    const { apply, log, store } = driver();
    await apply([{ key: null, value: null }]);
    const next = await sink().beginGeneration(log, [{ partition: 0, to: 0n }], BY);
    expect(next.letterSuffix).toBe(`@${next.logNo}`);
    expect(next.logNo).not.toBe(log.logNo);
    expect(await sink().openLog('source', TOPIC)).toEqual(next);
    expect(await offsets(next)).toEqual(['0: 0']);
    expect((await offsets(log))[0]).toBe('0: 1');
    expect(await applied(store, logBatch(next, 0, 0n, [{ key: null, value: null }]))).toEqual(['dead EMPTY_VALUE']);
    expect(await store.deadLetters.get(`${TOPIC}:0:0${next.letterSuffix}`)).not.toBeNull();
  });

  test('a quarantine asks for the record, is written down, and ends when the position has passed it', async () => {
    const { apply, log, store } = driver();
    const quarantine = (offset: bigint) => store.deadLetters.quarantine({ topic: TOPIC, partition: 0, offset }, BY);
    await apply([user('u1')]);
    expect(await quarantine(0n)).toBe(false);
    expect(await quarantine(2n)).toBe(true);
    const asked = async () => (await sink().positions(log))[0]?.quarantineOffset;
    expect(await asked()).toBe(2n);
    await apply([user('u2')]);
    expect(await asked()).toBe(2n);
    await apply([{ key: null, value: null }]);
    expect(await asked()).toBeNull();
    expect((await store.deadLetters.get(`${TOPIC}:0:2`))?.actions).toMatchObject([
      { actor: 'op', action: 'quarantine', outcome: 'requested', note: 'because' },
    ]);
  });

  test('a quarantine in an unknown partition or topic is refused', async () => {
    const { store } = driver();
    expect(await store.deadLetters.quarantine({ topic: TOPIC, partition: 9, offset: 0n }, BY)).toBe(false);
    expect(await store.deadLetters.quarantine({ topic: 'none', partition: 0, offset: 0n }, BY)).toBe(false);
  });

  test('rows that the database refused are counted within a stretch of one partition', async () => {
    const { next, store, log } = driver();
    const batch = next([user('u1'), user('u2'), user('u3')], 1);
    const rejection = {
      reason: 'ROW_REJECTED',
      message: 'x',
      path: null,
      eventId: null,
      eventType: null,
      entityId: null,
    };
    const records = batch.records.map((record) => ({ ...record, content: { kind: 'rejection', rejection } as const }));
    await applied(store, { ...batch, records } as typeof batch);
    const count = (from: bigint, to: bigint, partition = 1) => sink().countRejectedRows(log, { partition, from, to });
    expect(await Promise.all([count(0n, 3n), count(1n, 2n), count(3n, 9n), count(0n, 3n, 0)])).toEqual([3, 1, 0, 0]);
  });
}

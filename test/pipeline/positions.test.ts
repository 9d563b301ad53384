import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KnownLog } from '../../src/batch.ts';
import type { EventLog } from '../../src/event-log.ts';
import { openPositions } from '../../src/pipeline/positions.ts';
import { backUp } from '../support/backup.ts';
import { failure, faultySink } from '../support/faulty.ts';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';
import { caughtUp, eventually, runPipeline, type SteppedReader, send, stepReader } from '../support/pipeline-driver.ts';
import { adjustment, bytesOf, type Sent } from '../support/records.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const OPERATOR = { actor: 'operator', note: 'a test' };
const POISON: Sent = { key: null, value: Buffer.from('no event') };

describe.each(storeFactories)('positions on $name', (factory) => {
  let opened: TestStore;
  let log: MemoryLog;
  let clock: number;
  let sku = '';
  let skus = 0;

  beforeAll(async () => {
    opened = await factory.open();
  });
  afterAll(() => opened.close());
  beforeEach(() => {
    skus += 1;
    sku = `sku-${skus}`;
    clock = Date.UTC(2026, 0, 1);
    log = createMemoryLog({ now: () => clock });
  });

  const reader = (change = {}): SteppedReader => stepReader(log, opened.store.sink, change);
  const append = (deltas: readonly number[], partition = 0): bigint =>
    log.appendTo(
      partition,
      deltas.map((delta) => bytesOf(adjustment(sku, delta))),
    );
  const knownLog = async (): Promise<KnownLog> => opened.store.sink.openLog(await log.source(), log.topic);
  const quantity = async (): Promise<number | string> => (await opened.store.reads.inventory(sku))?.quantity ?? 0;
  const letterIds = async (): Promise<string[]> => {
    const letters = await opened.store.deadLetters.list({}, { limit: 500, after: null });
    return letters.filter(({ topic }) => topic === log.topic).map(({ id }) => id);
  };

  async function setPosition(to: bigint): Promise<void> {
    await opened.store.sink.setPositions(await knownLog(), [{ partition: 0, to }], { ...OPERATOR, dryRun: false });
  }

  describe('a database restored to an older state', () => {
    test('while the service runs: the log is read again from there and nothing is doubled', async () => {
      const read = reader();
      append([1, 2]);
      await read.drain();
      const restore = await backUp(opened.sql);
      append([4, 8]);
      await read.drain();
      await restore();
      expect(await quantity()).toBe(3);
      append([16]);
      await read.drain();
      expect(await quantity()).toBe(31);
      expect(read.recorded.of('batch-fenced')).toHaveLength(1);
    });

    test('while nothing arrives: the watch notices it', async () => {
      append([1]);
      const pipeline = await runPipeline(log, opened.store);
      await caughtUp(log, opened.store);
      const restore = await backUp(opened.sql);
      append([2]);
      await caughtUp(log, opened.store);
      await restore();
      await pipeline.look();
      await caughtUp(log, opened.store);
      expect(await quantity()).toBe(3);
      await pipeline.stop();
    });

    test('while the service is down, and the log remembers a later position: it is read again all the same', async () => {
      append([1]);
      const before = await runPipeline(log, opened.store);
      await caughtUp(log, opened.store);
      const restore = await backUp(opened.sql);
      append([2]);
      await caughtUp(log, opened.store);
      await before.stop();
      await restore();
      const after = await runPipeline(log, opened.store);
      await after.look();
      await caughtUp(log, opened.store);
      expect(await quantity()).toBe(3);
      await after.stop();
    });
  });

  describe('a log that was deleted and begun again', () => {
    test('with fewer records: not ready, nothing is applied before the operator decides', async () => {
      append([1, 2, 4]);
      const pipeline = await runPipeline(log, opened.store);
      await caughtUp(log, opened.store);
      log.restart();
      append([8]);
      await pipeline.look();
      await pipeline.look();
      expect(pipeline.problems().join()).toContain('LOG_RESTARTED');
      expect(pipeline.recorded.of('partition-paused').map(({ reason }) => reason)).toEqual(['stopped']);
      expect(await quantity()).toBe(7);
      await opened.store.sink.beginGeneration(await knownLog(), [{ partition: 0, to: 0n }], OPERATOR);
      await pipeline.look();
      await caughtUp(log, opened.store);
      await eventually('ready again', () => pipeline.problems().length === 0);
      expect(await quantity()).toBe(15);
      await pipeline.stop();
    });

    test('without any record: ready once the operator has decided', async () => {
      append([1]);
      const pipeline = await runPipeline(log, opened.store);
      await caughtUp(log, opened.store);
      log.restart();
      await pipeline.look();
      expect(pipeline.problems().join()).toContain('LOG_RESTARTED');
      await opened.store.sink.beginGeneration(await knownLog(), [{ partition: 0, to: 0n }], OPERATOR);
      await pipeline.look();
      expect(pipeline.problems()).toEqual([]);
      await pipeline.stop();
    });

    test('with more records: the timestamp below the position gives it away', async () => {
      append([1]);
      await reader().drain();
      log.restart();
      clock += 5;
      append([2, 4]);
      const read = reader();
      await read.step();
      expect(await read.step()).toMatchObject({ do: 'retryAfter' });
      expect(read.loop.partitions()[0]?.pause).toMatchObject({ reason: 'stopped' });
      expect(read.loop.partitions()[0]?.pause?.detail).toContain('LOG_RESTARTED');
      expect(await quantity()).toBe(1);
    });

    test('with more records: noticed when the partition is only assigned anew', async () => {
      const read = reader();
      append([1]);
      await read.drain();
      log.restart();
      clock += 5;
      append([2, 4]);
      read.reassign(1n);
      await read.step();
      await read.step();
      expect(read.loop.partitions()[0]?.pause?.detail).toContain('LOG_RESTARTED');
      expect(await quantity()).toBe(1);
    });

    test('with more records: noticed after an outage, before anything is applied', async () => {
      const faulty = faultySink(opened.store.sink);
      const read = stepReader(log, faulty.sink);
      append([1]);
      await read.drain();
      log.restart();
      clock += 5;
      append([2, 4]);
      faulty.fail({ method: 'applyBatch', error: failure('outage'), times: 1 });
      for (let steps = 0; steps < 3; steps += 1) await read.step();
      expect(read.loop.partitions()[0]?.pause?.detail).toContain('LOG_RESTARTED');
      expect(await quantity()).toBe(1);
    });

    test('with more records: it never looks healthy until the operator decides', async () => {
      append([1]);
      const pipeline = await runPipeline(log, opened.store);
      await caughtUp(log, opened.store);
      await pipeline.stop();
      log.restart();
      clock += 5;
      append([2, 4]);
      const again = await runPipeline(log, opened.store);
      await eventually('stopped', () => again.problems().join().includes('LOG_RESTARTED'));
      for (let looks = 0; looks < 3; looks += 1) {
        await again.look();
        expect(again.problems().join()).toContain('LOG_RESTARTED');
      }
      expect(again.recorded.of('partition-resumed')).toEqual([]);
      expect(await quantity()).toBe(1);
      await again.stop();
    });

    test('its new poison does not collide with the letters of the old one', async () => {
      await send(log, [POISON]);
      await reader().drain();
      log.restart();
      clock += 5;
      await send(log, [POISON]);
      const known = await opened.store.sink.beginGeneration(await knownLog(), [{ partition: 0, to: 0n }], OPERATOR);
      await reader().drain();
      const old = `${log.topic}:0:0`;
      expect((await letterIds()).toSorted()).toEqual([old, `${old}${known.letterSuffix}`]);
      expect(known.letterSuffix).toMatch(/^@\d+$/);
    });
  });

  describe('a delivery that begins above the position', () => {
    test('is sought once more and then accepted: nothing readable lies between', async () => {
      append([1, 2]);
      const read = reader();
      await read.drain();
      append([4, 8, 16]);
      append([32]);
      log.punch(0, 2n, 5n);
      expect(await read.drain()).toEqual([
        { do: 'seek', position: 2n },
        { do: 'committed', next: 6n },
      ]);
      expect(await quantity()).toBe(35);
    });

    test('is read from the position if the records are there', async () => {
      append([1]);
      await reader().drain();
      append([2, 4, 8]);
      const read = reader();
      read.reassign(3n);
      expect(await read.drain()).toEqual([
        { do: 'seek', position: 0n },
        { do: 'committed', next: 4n },
      ]);
      expect(await quantity()).toBe(15);
    });

    test('a hole right below the position does not stop it', async () => {
      append([1, 2, 4]);
      await reader({ limits: { maxRecords: 2, maxBytes: 1e6 } }).step();
      const read = reader();
      await read.drain();
      append([8]);
      log.punch(0, 1n, 3n);
      const again = reader();
      await again.drain();
      expect(await quantity()).toBe(15);
    });

    test('records expired unread: it stops until the operator accepts the loss', async () => {
      append([1, 2]);
      const read = reader();
      await read.drain();
      append([4, 8, 16]);
      log.expire(0, 4n);
      await read.step();
      expect(await read.step()).toMatchObject({ do: 'retryAfter' });
      expect(read.loop.partitions()[0]?.pause?.detail).toContain('RECORDS_EXPIRED');
      expect(await quantity()).toBe(3);
      await setPosition(4n);
      await read.drain();
      expect(await quantity()).toBe(19);
      expect(read.loop.partitions()[0]?.pause).toBeNull();
    });

    test('everything expired unread: the watch finds out, for nothing is delivered', async () => {
      append([1]);
      const pipeline = await runPipeline(log, opened.store);
      await caughtUp(log, opened.store);
      await pipeline.stop();
      append([2, 4]);
      log.expire(0, 3n);
      const again = await runPipeline(log, opened.store);
      await again.look();
      expect(again.problems().join()).toContain('RECORDS_EXPIRED');
      await setPosition(3n);
      await again.look();
      expect(again.problems()).toEqual([]);
      await again.stop();
    });
  });

  describe('where partitions begin', () => {
    test('START_FROM latest leaves out what was there before, and nothing else', async () => {
      append([1, 2]);
      const read = reader({ startFrom: 'latest' });
      await read.drain();
      append([4]);
      await read.drain();
      expect(await quantity()).toBe(4);
    });

    test('of two consumers at first sight the second takes the positions of the first', async () => {
      append([1, 2]);
      const seen = async (end: bigint): Promise<EventLog> => {
        const watermarks = [{ partition: 0, start: 0n, end }];
        return { ...log, watermarks: async () => watermarks };
      };
      const { sink } = opened.store;
      const begin = async (end: bigint) => openPositions({ eventLog: await seen(end), sink, startFrom: 'latest' });
      const [first, second] = await Promise.all([begin(1n), begin(2n)]);
      expect(second.positions).toEqual(first.positions);
    });

    test('a partition that appears later begins at its start, also with START_FROM latest', async () => {
      append([1]);
      await reader({ startFrom: 'latest' }).drain();
      log.addPartition();
      append([2, 4], 1);
      await reader({ startFrom: 'latest', partition: 1 }).drain();
      expect(await quantity()).toBe(6);
    });
  });

  describe('a position set by an operator', () => {
    test('while the service is idle: it reads from there, finds duplicates, and the change is written down', async () => {
      append([1, 2]);
      const pipeline = await runPipeline(log, opened.store);
      await caughtUp(log, opened.store);
      await setPosition(0n);
      await pipeline.look();
      const outcomes = (): string[] =>
        pipeline.recorded.of('batch-applied').flatMap(({ records }) => records.map(({ status }) => status));
      await eventually('both records again', () => outcomes().length === 4);
      expect(outcomes().slice(2)).toEqual(['duplicate', 'duplicate']);
      expect(await quantity()).toBe(3);
      const changes = await opened.sql.query<{ change: string }>(
        `select from_offset || '>' || to_offset || ' ' || actor || ' ' || note as change
         from store.position_changes where topic = $1`,
        [log.topic],
      );
      expect(changes).toEqual([{ change: '2>0 operator a test' }]);
      await pipeline.stop();
    });

    test('while a batch is under way: the batch is fenced and reading goes on from there', async () => {
      append([1]);
      const faulty = faultySink(opened.store.sink);
      const read = stepReader(log, faulty.sink);
      await read.drain();
      append([2, 4, 8]);
      let release = (): void => {};
      faulty.hold(
        'applyBatch',
        new Promise((resolve) => {
          release = resolve;
        }),
      );
      const draining = read.drain();
      await eventually('the batch sent', () => faulty.batches.length === 2);
      await setPosition(3n);
      release();
      await draining;
      expect(await quantity()).toBe(9);
      expect(read.recorded.of('batch-fenced')).toHaveLength(1);
    });

    test('to the end during an outage: the partition works again although nothing is left to apply', async () => {
      append([1, 2]);
      const faulty = faultySink(opened.store.sink);
      faulty.fail({ method: 'applyBatch', error: failure('outage'), times: 1 });
      const read = stepReader(log, faulty.sink);
      await read.step();
      expect(read.loop.partitions()[0]?.pause).not.toBeNull();
      await setPosition(2n);
      await read.drain();
      expect(read.loop.partitions()[0]?.pause).toBeNull();
    });
  });
});

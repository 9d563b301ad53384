import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/batch.ts';
import { type FaultySink, failure, faultySink } from '../support/faulty.ts';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';
import { eventually, runPipeline, type SteppedReader, stepReader } from '../support/pipeline-driver.ts';
import { adjustment, bytesOf } from '../support/records.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const OPERATOR = { actor: 'operator', note: 'a test' };
const embedded = storeFactories[0];

/** What the loop does depends on the kinds of errors only, so one store is enough. */
describe('the consume loop when the store fails', () => {
  let opened: TestStore;
  let log: MemoryLog;
  let faulty: FaultySink;
  let sku = '';
  let skus = 0;

  beforeAll(async () => {
    if (embedded === undefined) throw new Error('no store');
    opened = await embedded.open();
  });
  afterAll(() => opened.close());
  beforeEach(() => {
    skus += 1;
    sku = `sku-${skus}`;
    log = createMemoryLog();
    faulty = faultySink(opened.store.sink);
  });

  /** With random at its upper bound waits are their bounds. */
  const reader = (): SteppedReader => stepReader(log, faulty.sink, { random: () => 1 });
  const append = (count: number): void => {
    log.appendTo(
      0,
      Array.from({ length: count }, () => bytesOf(adjustment(sku, 1))),
    );
  };
  const quantity = async (): Promise<number | string> => (await opened.store.reads.inventory(sku))?.quantity ?? 0;
  const sizes = (): number[] => faulty.batches.map(({ records }) => records.length);
  const letters = async () => {
    const all = await opened.store.deadLetters.list({}, { limit: 500, after: null });
    return all.filter(({ topic }) => topic === log.topic).map(({ id, reason }) => [id, reason]);
  };
  const pauses = (read: SteppedReader) => read.recorded.of('partition-paused').map(({ reason }) => reason);
  const holds =
    (offset: bigint) =>
    (batch: Batch): boolean =>
      batch.from === 'log' && batch.records.some(({ received }) => received.offset === offset);

  describe('an outage', () => {
    test('of six tries is told once, waits longer each time, reads the position again, dead-letters nothing', async () => {
      append(5);
      faulty.fail({ method: 'applyBatch', error: failure('outage'), times: 6 });
      const read = reader();
      const answers = await read.drain();
      const waits = answers.flatMap((answer) => (answer.do === 'retryAfter' ? [answer.ms] : []));
      expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000]);
      expect(faulty.calls('applyBatch')).toBe(7);
      expect(faulty.calls('positions')).toBe(7);
      expect(sizes()).toEqual([5, 5, 5, 5, 5, 5, 5]);
      expect(pauses(read)).toEqual(['outage']);
      expect(read.recorded.of('partition-resumed')).toHaveLength(1);
      expect(await letters()).toEqual([]);
      expect(await quantity()).toBe(5);
    });

    test('waits 10 s at most, so that consuming goes on soon after the server is back', async () => {
      append(1);
      const end = faulty.fail({ method: 'applyBatch', error: failure('outage') });
      const read = reader();
      const waits = [];
      for (let n = 0; n < 12; n += 1) waits.push(await read.step());
      expect(waits.at(-1)).toEqual({ do: 'retryAfter', ms: 10_000 });
      end();
      await read.drain();
      expect(await quantity()).toBe(1);
    });

    test('while the position is read is one like any other', async () => {
      append(1);
      faulty.fail({ method: 'openLog', error: failure('outage'), times: 2 });
      const read = reader();
      await read.drain();
      expect(pauses(read)).toEqual(['outage']);
      expect(read.loop.partitions()[0]?.pause).toBeNull();
      expect(await quantity()).toBe(1);
    });

    test('of one partition does not hold up another', async () => {
      const two = createMemoryLog({ partitions: 2 });
      two.appendTo(0, [bytesOf(adjustment(sku, 1))]);
      two.appendTo(1, [bytesOf(adjustment(sku, 2))]);
      const end = faulty.fail({
        method: 'applyBatch',
        error: failure('outage'),
        batches: (batch) => batch.from === 'log' && batch.partition === 0,
      });
      const pipeline = await runPipeline(two, { sink: faulty.sink });
      await eventually('the other partition', async () => (await quantity()) === 2);
      expect(pipeline.problems().join()).toContain('partition 0 is paused');
      end();
      await eventually('both partitions', async () => (await quantity()) === 3);
      await eventually('ready', () => pipeline.problems().length === 0);
      await pipeline.stop();
    });
  });

  describe('a lost answer', () => {
    test('changes nothing twice, and reading goes on behind what had happened', async () => {
      append(3);
      faulty.fail({ method: 'applyBatch', error: failure('outage'), when: 'after', times: 1 });
      const read = reader();
      await read.step();
      append(2);
      await read.drain();
      expect(await quantity()).toBe(5);
      expect(sizes()).toEqual([3, 2]);
    });

    test('at the end of the log does not leave the partition paused', async () => {
      append(3);
      faulty.fail({ method: 'applyBatch', error: failure('outage'), when: 'after', times: 1 });
      const read = reader();
      await read.drain();
      expect(faulty.calls('applyBatch')).toBe(1);
      expect(read.loop.partitions()[0]?.pause).toBeNull();
      expect(await quantity()).toBe(3);
    });
  });

  describe('a race', () => {
    test('lost three times is run again at once, whole', async () => {
      append(4);
      faulty.fail({ method: 'applyBatch', error: failure('race'), times: 3 });
      const read = reader();
      const answers = await read.drain();
      expect(answers.filter((answer) => answer.do === 'retryAfter' && answer.ms <= 20)).toHaveLength(3);
      expect(sizes()).toEqual([4, 4, 4, 4]);
      expect(pauses(read)).toEqual([]);
      expect(await quantity()).toBe(4);
    });

    test('lost ten times pauses and halves the batch', async () => {
      append(8);
      faulty.fail({ method: 'applyBatch', error: failure('race'), times: 10 });
      const read = reader();
      await read.drain();
      expect(sizes()).toEqual([...Array(10).fill(8), 4, 4]);
      expect(pauses(read)).toEqual(['races']);
      expect(read.recorded.of('partition-resumed')).toHaveLength(1);
      expect(await quantity()).toBe(8);
    });
  });

  test('a timeout halves the batch, success doubles it again', async () => {
    append(20);
    faulty.fail({ method: 'applyBatch', error: failure('timeout'), times: 2 });
    const read = reader();
    await read.drain();
    expect(sizes()).toEqual([20, 10, 5, 10, 5]);
    expect(await quantity()).toBe(20);
    expect(await letters()).toEqual([]);
  });

  describe('an unforeseen error of one record', () => {
    test('pauses, names the record, never makes it a dead letter; quarantine lets the rest go on', async () => {
      append(6);
      const end = faulty.fail({ method: 'applyBatch', error: failure('unforeseen'), batches: holds(3n) });
      const read = reader();
      const isStuck = () => read.loop.partitions()[0]?.pause?.reason === 'stuck';
      for (let steps = 0; steps < 50 && !isStuck(); steps += 1) await read.step();
      const record = `${log.topic}:0:3`;
      expect(read.loop.partitions()[0]?.pause?.detail).toContain(`record ${record} cannot be applied`);
      expect(await quantity()).toBe(3);
      for (let probes = 0; probes < 5; probes += 1) await read.step();
      expect(await letters()).toEqual([]);

      end();
      faulty.fail({ method: 'applyBatch', error: failure('unforeseen'), batches: asEvent(3n) });
      expect(await opened.store.deadLetters.quarantine({ topic: log.topic, partition: 0, offset: 3n }, OPERATOR)).toBe(
        true,
      );
      await read.drain();
      expect(await letters()).toEqual([[record, 'QUARANTINED']]);
      expect(await quantity()).toBe(5);
      expect(read.loop.partitions()[0]?.pause).toBeNull();
    });

    /** The record fails for as long as it is handed over as an event. */
    function asEvent(offset: bigint) {
      return (batch: Batch): boolean =>
        batch.from === 'log' &&
        batch.records.some(({ received, content }) => received.offset === offset && content.kind === 'event');
    }

    test('goes on by itself when it is over', async () => {
      append(4);
      faulty.fail({ method: 'applyBatch', error: failure('unforeseen'), times: 6 });
      const read = reader();
      await read.drain();
      expect(pauses(read)).toEqual(['outage', 'stuck']);
      expect(await quantity()).toBe(4);
      expect(await letters()).toEqual([]);
    });
  });

  describe('a defect', () => {
    test.each([
      ['of the database', failure('defect')],
      ['of ours', new TypeError('undefined is not a function')],
    ])('%s ends consuming, and no record becomes a dead letter', async (_, error) => {
      append(3);
      faulty.fail({ method: 'applyBatch', error });
      const pipeline = await runPipeline(log, { sink: faulty.sink });
      await expect(pipeline.ended).rejects.toBe(error);
      expect(faulty.calls('applyBatch')).toBe(1);
      expect(await letters()).toEqual([]);
      await pipeline.stop();
    });
  });

  describe('clocks more than a minute apart', () => {
    test('pause every partition until they agree, also one that is busy', async () => {
      append(1);
      let aheadMs = 0;
      const pipeline = await runPipeline(log, { sink: faulty.sink }, { now: () => Date.now() + aheadMs });
      await eventually('the first record', async () => (await quantity()) === 1);
      let release = (): void => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      faulty.hold('applyBatch', gate);
      append(1);
      await log.append([]);
      await eventually('a batch under way', () => faulty.batches.length === 2);
      aheadMs = 61_000;
      await pipeline.look();
      faulty.hold('applyBatch', null);
      release();
      await eventually('the batch under way', async () => (await quantity()) === 2);
      append(1);
      expect(pipeline.problems().join()).toContain("clock is 61 s ahead of the database's");
      expect(pipeline.partitions().map(({ pause }) => pause?.reason)).toEqual(['clock']);
      expect(faulty.calls('applyBatch')).toBe(2);
      aheadMs = 0;
      await pipeline.look();
      await eventually('the third record', async () => (await quantity()) === 3);
      expect(pipeline.problems()).toEqual([]);
      await pipeline.stop();
    });

    test('at the start: nothing is applied before they agree', async () => {
      append(1);
      let aheadMs = -120_000;
      const pipeline = await runPipeline(log, { sink: faulty.sink }, { now: () => Date.now() + aheadMs });
      await pipeline.look();
      expect(pipeline.problems().join()).toContain('clock');
      expect(faulty.calls('applyBatch')).toBe(0);
      aheadMs = 0;
      await pipeline.look();
      await eventually('the record', async () => (await quantity()) === 1);
      await pipeline.stop();
    });
  });
});

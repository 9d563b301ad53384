import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FaultySink, failure, faultySink } from '../support/faulty.ts';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';
import { caughtUp, eventually, type RunningPipeline, runPipeline, stepReader } from '../support/pipeline-driver.ts';
import { adjustment, bytesOf, order } from '../support/records.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const A_DAY = 86_400_000;

describe('the watch', () => {
  let opened: TestStore;
  let log: MemoryLog;
  let faulty: FaultySink;
  let skus = 0;

  beforeAll(async () => {
    const embedded = storeFactories[0];
    if (embedded === undefined) throw new Error('no store');
    opened = await embedded.open();
  });
  afterAll(() => opened.close());
  beforeEach(async () => {
    await opened.sql.script('truncate store.dead_letters');
    skus += 1;
    log = createMemoryLog({ partitions: 2 });
    faulty = faultySink(opened.store.sink);
  });

  const append = (partition: number, count: number): void => {
    log.appendTo(
      partition,
      Array.from({ length: count }, () => bytesOf(adjustment(`sku-${skus}`, 1))),
    );
  };
  const lastCheck = (pipeline: RunningPipeline) => pipeline.recorded.of('positions-checked').at(-1);

  /** The store answers questions but no batch ever ends: nothing fails, and nothing moves. */
  function hang(): () => void {
    let release = (): void => {};
    faulty.hold(
      'applyBatch',
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    return release;
  }

  test('tells position, ends and lag of every partition, and which are read here', async () => {
    append(0, 3);
    append(1, 2);
    log.expire(1, 1n);
    const pipeline = await runPipeline(log, { sink: faulty.sink });
    expect(lastCheck(pipeline)?.partitions).toEqual([
      { partition: 0, position: 0n, start: 0n, end: 3n, lag: 3n, assigned: false },
      { partition: 1, position: 1n, start: 1n, end: 2n, lag: 1n, assigned: false },
    ]);
    await caughtUp(log, opened.store);
    await pipeline.look();
    expect(lastCheck(pipeline)?.partitions).toEqual([
      { partition: 0, position: 3n, start: 0n, end: 3n, lag: 0n, assigned: true },
      { partition: 1, position: 2n, start: 1n, end: 2n, lag: 0n, assigned: true },
    ]);
    await pipeline.stop();
  });

  test('a partition with lag that has not moved for 60 s is a problem, until it moves', async () => {
    let clock = Date.now();
    const release = hang();
    append(1, 4);
    // The database's clock goes along: it is progress that is looked at here, not clocks.
    const now = (): number => clock;
    const sink = { ...faulty.sink, now: async () => clock };
    const pipeline = await runPipeline(log, { sink }, { now });
    await pipeline.look();
    clock += 59_000;
    await pipeline.look();
    expect(pipeline.problems()).toEqual([]);
    clock += 1000;
    await pipeline.look();
    expect(pipeline.problems()).toEqual(['partition 1 has not moved from 0 for 60 s, lag 4']);
    release();
    await caughtUp(log, opened.store);
    await pipeline.look();
    expect(pipeline.problems()).toEqual([]);
    await pipeline.stop();
  });

  test('an idle partition is no problem however long it is idle', async () => {
    let clock = Date.now();
    append(0, 1);
    const sink = { ...faulty.sink, now: async () => clock };
    const pipeline = await runPipeline(log, { sink }, { now: () => clock });
    await caughtUp(log, opened.store);
    await pipeline.look();
    clock += A_DAY;
    await pipeline.look();
    const release = hang();
    append(0, 1);
    await pipeline.look();
    expect(pipeline.problems()).toEqual([]);
    release();
    await pipeline.stop();
  });

  test('a letter that is overdue for its retry by 60 s is a problem', async () => {
    append(0, 1);
    log.appendTo(0, [bytesOf(order(`o-${skus}`, 'never'))]);
    await stepReader(log, opened.store.sink).drain();
    const due = (secondsAgo: number) =>
      opened.sql.script(
        `update store.dead_letters set next_attempt_at = clock_timestamp() - interval '${secondsAgo} s'`,
      );
    // A worker that does not come round to it.
    const sink = { ...faulty.sink, claimDueLetters: async () => [] };
    const pipeline = await runPipeline(log, { sink });
    await due(50);
    await pipeline.look();
    expect(pipeline.problems()).toEqual([]);
    await due(61);
    await pipeline.look();
    expect(pipeline.problems()).toEqual(['a dead letter is overdue for its retry by 61 s']);
    await pipeline.stop();
  });

  test('a paused partition that goes to another consumer is no problem of this one any more', async () => {
    let mine = [0, 1];
    const consume: MemoryLog['consume'] = async (handler) => ({
      ...(await log.consume(handler)),
      assigned: () => mine,
    });
    append(1, 1);
    faulty.fail({ method: 'applyBatch', error: failure('outage') });
    const pipeline = await runPipeline({ ...log, consume }, { sink: faulty.sink });
    await eventually('the pause', () => pipeline.problems().join().includes('partition 1 is paused'));
    mine = [0];
    expect(pipeline.problems()).toEqual([]);
    await pipeline.stop();
  });

  test('a store that cannot be asked is a problem, with the reason, and one that answers again is none', async () => {
    const pipeline = await runPipeline(log, { sink: faulty.sink });
    const end = faulty.fail({ method: 'now', error: failure('outage') });
    await pipeline.look();
    expect(pipeline.problems()).toEqual(["outage: TEST_OUTAGE: a test's outage"]);
    end();
    await pipeline.look();
    expect(pipeline.problems()).toEqual([]);
    await pipeline.stop();
  });

  test('a parked letter dies of age only while every partition is within one batch of its end', async () => {
    log.appendTo(0, [bytesOf(order(`o-${skus}`, 'never'))]);
    await stepReader(log, opened.store.sink).drain();
    append(1, 11);
    const end = faulty.fail({
      method: 'applyBatch',
      error: failure('outage'),
      batches: (batch) => batch.from === 'log',
    });
    const aged = { limits: { maxRecords: 10, maxBytes: 1e6 }, parkMaxAgeMs: -1 };
    const pipeline = await runPipeline(log, { sink: faulty.sink }, aged);
    const state = async () => (await opened.store.deadLetters.get(`${log.topic}:0:0`))?.state;
    const tried = (): number => pipeline.recorded.of('letters-attempted').length;
    await eventually('a try', () => tried() > 0);
    expect(await state()).toBe('parked');
    end();
    await caughtUp(log, opened.store);
    await opened.sql.script('update store.dead_letters set next_attempt_at = clock_timestamp()');
    pipeline.lettersWaiting();
    await eventually('its death', async () => (await state()) === 'dead');
    await pipeline.stop();
  });

  test('nothing is forgotten while a partition stands still', async () => {
    append(0, 1);
    await stepReader(log, opened.store.sink).drain();
    const end = faulty.fail({ method: 'applyBatch', error: failure('outage') });
    append(0, 1);
    const retention = { ledgerRetentionMs: -A_DAY, pruneEveryMs: 20 };
    const pipeline = await runPipeline(log, { sink: faulty.sink }, retention);
    await eventually('the pause', () => pipeline.partitions().some(({ pause }) => pause !== null));
    const before = faulty.calls('prune');
    await eventually('some probes', () => faulty.calls('applyBatch') >= 4);
    expect(faulty.calls('prune')).toBe(before);
    end();
    await eventually('retention', () => faulty.calls('prune') > before);
    await pipeline.stop();
  });
});

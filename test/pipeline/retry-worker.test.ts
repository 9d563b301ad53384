import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Batch } from '../../src/batch.ts';
import { type RetryParts, type RetryWorker, startRetryWorker } from '../../src/pipeline/retry-worker.ts';
import { createWakeup, type Wakeup } from '../../src/pipeline/wakeup.ts';
import { type FaultySink, failure, faultySink } from '../support/faulty.ts';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';
import {
  caughtUp,
  eventually,
  type Recorded,
  recordFacts,
  runPipeline,
  send,
  stepReader,
} from '../support/pipeline-driver.ts';
import { bytesOf, decode, order, payment, type Sent, user } from '../support/records.ts';
import { storeFactories, type TestStore } from '../support/stores.ts';

const A_DAY = 86_400_000;
const LIMITS = { maxRecords: 1000, maxBytes: 4 * 1024 * 1024 };

describe.each(storeFactories)('the retry worker on $name', (factory) => {
  let opened: TestStore;
  let log: MemoryLog;
  let faulty: FaultySink;
  let wakeup: Wakeup;
  let recorded: Recorded;
  let worker: RetryWorker | null = null;
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
    log = createMemoryLog();
    faulty = faultySink(opened.store.sink);
    wakeup = createWakeup();
    recorded = recordFacts();
  });
  afterEach(async () => {
    await worker?.stop();
    worker = null;
  });

  function start(change: Partial<RetryParts> = {}): RetryWorker {
    worker = startRetryWorker({
      sink: faulty.sink,
      decode,
      random: () => 0.5,
      now: Date.now,
      sleep: async () => {},
      emit: recorded.emit,
      lettersWaiting: wakeup.ring,
      limits: LIMITS,
      parkMaxAgeMs: A_DAY,
      caughtUp: async () => true,
      wakeup,
      ...change,
    });
    return worker;
  }

  async function apply(sent: readonly Sent[]): Promise<string> {
    const first = log.appendTo(0, sent.map(bytesOf));
    await stepReader(log, opened.store.sink).drain();
    return `${log.topic}:0:${first}`;
  }

  /** Open letters are due this much later; now if nothing is said. */
  async function makeDue(inMs = 0): Promise<void> {
    await opened.sql.query(
      `update store.dead_letters set next_attempt_at = clock_timestamp() + make_interval(secs => $1::float8 / 1000)
       where state = 'parked'`,
      [inMs],
    );
    wakeup.ring();
  }

  const letter = async (id: string) => {
    const found = await opened.store.deadLetters.get(id);
    if (found === null) throw new Error(`no letter ${id}`);
    return found;
  };
  const resolved = (id: string) => async (): Promise<boolean> => (await letter(id)).state === 'resolved';
  const attempts = () => recorded.of('letters-attempted').flatMap(({ letters }) => letters);
  const tries = (id: string) => (batch: Batch) =>
    batch.from === 'letters' && batch.records.some((one) => one.id === id);

  test('waits longer after each try, up to 5 minutes', async () => {
    await apply([order(`${tag}-o`, `${tag}-never`)]);
    start();
    for (let tried = 1; tried <= 13; tried += 1) {
      await makeDue();
      await eventually(`try ${tried}`, () => attempts().length >= tried);
    }
    const waits = faulty.batches.flatMap((batch) =>
      batch.from === 'letters' ? batch.records.map(({ retryInMs }) => retryInMs) : [],
    );
    expect(waits.slice(0, 13)).toEqual([
      300, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000, 300_000,
    ]);
  });

  test('a parent that comes wakes its letters, whatever their backoff', async () => {
    await apply([payment(`${tag}-p`, `${tag}-o`), order(`${tag}-o`, `${tag}-u`)]);
    await makeDue(3_600_000);
    const pipeline = await runPipeline(log, opened.store);
    await send(log, [user(`${tag}-u`)]);
    await eventually('the order paid', async () => {
      return (await opened.store.reads.order(`${tag}-o`))?.paymentStatus === 'PAID';
    });
    await caughtUp(log, opened.store);
    await pipeline.stop();
  });

  test('an outage is told once, shows in failure(), and is over by itself', async () => {
    const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
    await apply([user(`${tag}-u`)]);
    const end = faulty.fail({ method: 'claimDueLetters', error: failure('outage') });
    const running = start({ random: () => 0 });
    await eventually('three failures', () => faulty.calls('claimDueLetters') >= 3);
    expect(running.failure()?.detail).toContain('TEST_OUTAGE');
    end();
    await eventually('the letter', resolved(id));
    expect(running.failure()).toBeNull();
    expect(recorded.of('retry-worker-failed')).toHaveLength(1);
    expect(recorded.of('retry-worker-recovered')).toHaveLength(1);
  });

  test('letters claimed before an outage are tried as soon as it is over, not when their lease ends', async () => {
    const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
    await apply([user(`${tag}-u`)]);
    faulty.fail({ method: 'applyBatch', error: failure('outage'), times: 3 });
    start({ random: () => 0 });
    await eventually('the letter', resolved(id));
    expect(faulty.calls('applyBatch')).toBe(4);
  });

  test('a letter that alone cannot be tried moves on and blocks nobody', async () => {
    const bad = await apply([order(`${tag}-o0`, `${tag}-u`)]);
    const others = [1, 2, 3, 4].map((n) => order(`${tag}-o${n}`, `${tag}-u`));
    await apply(others);
    await apply([user(`${tag}-u`)]);
    const end = faulty.fail({ method: 'applyBatch', error: failure('unforeseen'), batches: tries(bad) });
    start();
    await eventually('the other letters', () => attempts().length === others.length);
    await eventually('the bad letter postponed', () => faulty.calls('postponeLetter') >= 1);
    const stuck = await letter(bad);
    expect(stuck.state).toBe('parked');
    expect(Date.parse(stuck.nextAttemptAt ?? '')).toBeGreaterThan(Date.now());
    end();
    await eventually('the bad letter', resolved(bad));
  });

  test('a race is run again ten times before a letter counts as one that cannot be tried', async () => {
    const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
    await apply([user(`${tag}-u`)]);
    faulty.fail({ method: 'applyBatch', error: failure('race'), times: 9 });
    start();
    await eventually('the letter', resolved(id));
    expect(faulty.calls('applyBatch')).toBe(10);
    expect(faulty.calls('postponeLetter')).toBe(0);
  });

  test('parked for too long it dies, but not before the log was read to its end', async () => {
    const id = await apply([order(`${tag}-o`, `${tag}-never`)]);
    let atTheEnd = false;
    start({ now: () => Date.now() + A_DAY + 1, caughtUp: async () => atTheEnd });
    await makeDue();
    await eventually('a try', () => attempts().length === 1);
    expect((await letter(id)).state).toBe('parked');
    atTheEnd = true;
    await makeDue();
    await eventually('a second try', () => attempts().length >= 2);
    expect(await letter(id)).toMatchObject({ state: 'dead', reason: 'MISSING_REFERENCE', nextAttemptAt: null });
  });

  test('one that died of age is applied all the same when its parent comes', async () => {
    const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
    start({ now: () => Date.now() + A_DAY + 1 });
    await makeDue();
    await eventually('its death', async () => (await letter(id)).state === 'dead');
    await apply([user(`${tag}-u`)]);
    wakeup.ring();
    await eventually('the letter', resolved(id));
  });

  test('letters that a dead process had claimed are taken over when its lease is over', async () => {
    const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
    await apply([user(`${tag}-u`)]);
    const leaseMs = 600;
    const claimedAt = performance.now();
    const claimed = await opened.store.sink.claimDueLetters({ limit: 10, maxBytes: 1000, leaseMs });
    expect(claimed.map((one) => one.id)).toEqual([id]);
    start();
    await eventually('the letter', resolved(id));
    expect(performance.now() - claimedAt).toBeGreaterThanOrEqual(leaseMs);
  });

  test('stop() ends with the attempt under way, and nothing is tried afterwards', async () => {
    const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
    await apply([user(`${tag}-u`)]);
    let release = (): void => {};
    faulty.hold(
      'applyBatch',
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    const running = start();
    await eventually('an attempt', () => faulty.batches.length === 1);
    let stopped = false;
    const stopping = running.stop().then(() => {
      stopped = true;
    });
    expect(running.stop()).toBe(running.stop());
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    release();
    await stopping;
    expect((await letter(id)).state).toBe('resolved');
    expect(faulty.calls('claimDueLetters')).toBe(1);
    await running.ended;
  });

  test('a defect ends it for good', async () => {
    const id = await apply([order(`${tag}-o`, `${tag}-u`)]);
    await makeDue();
    const error = new TypeError('undefined is not a function');
    faulty.fail({ method: 'applyBatch', error });
    await expect(start().ended).rejects.toBe(error);
    expect((await letter(id)).state).toBe('parked');
  });
});

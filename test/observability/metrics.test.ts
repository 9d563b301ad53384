import { beforeEach, describe, expect, test } from 'vitest';
import type { LetterCount } from '../../src/dead-letters.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import { batchApplied, letterFact, recordFact } from './facts.ts';

let now = 0;
let metrics: Metrics;
beforeEach(() => {
  now = Date.parse('2026-11-20T12:00:00.000Z');
  metrics = createMetrics({ version: '1.2.3', now: () => now });
});

/** The samples of a metric by their labels, as Prometheus would read them. */
async function samples(name: string): Promise<Record<string, number>> {
  const { body } = await metrics.text();
  const lines = body.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return Object.fromEntries(lines.map((line) => [labelsOf(line), Number(line.slice(line.lastIndexOf(' ')))]));
}

function labelsOf(line: string): string {
  return [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => `${label}=${value}`).join(' ');
}

const EVERY_METRIC = [
  'events_processed_total',
  'dead_letters_closed_total',
  'events_processed_per_second',
  'dlq_entries_total',
  'db_operation_duration_seconds',
  'kafka_produce_duration_seconds',
  'kafka_consume_duration_seconds',
  'dead_letters',
  'dead_letter_oldest_age_seconds',
  'consumer_lag_records',
  'partition_paused',
  'consumer_last_progress_timestamp_seconds',
  'batch_records',
  'fenced_total',
  'event_delivery_seconds',
  'build_info',
  'process_resident_memory_bytes',
  'nodejs_eventloop_lag_seconds',
];

test.each(EVERY_METRIC)('%s is exported', async (name) => {
  const { body, contentType } = await metrics.text();
  expect(body).toContain(`# TYPE ${name} `);
  expect(contentType).toContain('text/plain');
});

test('two services in one process do not share numbers', async () => {
  createMetrics({ version: '0' }).observe(batchApplied([recordFact()]));
  expect(await samples('events_processed_total')).toEqual({});
  expect(await samples('build_info')).toEqual({ [`version=1.2.3 node=${process.version}`]: 1 });
});

describe('events', () => {
  test('every record read counts once, by type and by what became of it', async () => {
    const unknown = recordFact({ eventType: 'unknown', status: 'dead', reason: 'INVALID_JSON', eventId: null });
    const parked = recordFact({ status: 'parked', reason: 'MISSING_REFERENCE' });
    metrics.observe(batchApplied([recordFact(), recordFact(), unknown, parked]));
    expect(await samples('events_processed_total')).toEqual({
      'type=OrderPlaced status=applied': 2,
      'type=OrderPlaced status=parked': 1,
      'type=unknown status=dead': 1,
    });
    expect(await samples('dlq_entries_total')).toEqual({ 'reason=INVALID_JSON': 1 });
    expect(await samples('batch_records_sum')).toEqual({ '': 4 });
    expect(await samples('kafka_consume_duration_seconds_sum')).toEqual({ '': 0.02 });
    expect(await samples('consumer_last_progress_timestamp_seconds')).toEqual({ '': now / 1000 });
  });

  test('delivery is measured from the record to the commit, and a clock ahead counts as no time', async () => {
    metrics.observe(batchApplied([recordFact({ timestamp: now - 3000 }), recordFact({ timestamp: now + 9000 })]));
    expect(await samples('event_delivery_seconds_sum')).toEqual({ '': 3 });
    expect(await samples('event_delivery_seconds_count')).toEqual({ '': 2 });
  });

  test('the rate of every type is there from the start and falls to 0 when idle', async () => {
    expect(Object.keys(await samples('events_processed_per_second'))).toHaveLength(5);
    metrics.observe(batchApplied(Array.from({ length: 20 }, () => recordFact())));
    expect((await samples('events_processed_per_second'))['type=OrderPlaced']).toBe(2);
    now += 10_000;
    expect((await samples('events_processed_per_second'))['type=OrderPlaced']).toBe(0);
  });

  test('a letter counts as closed when it ends and as dead when it dies', async () => {
    const letters = [
      letterFact(),
      letterFact({ before: 'dead', status: 'duplicate' }),
      letterFact({ status: 'parked', reason: 'MISSING_REFERENCE' }),
      letterFact({ status: 'fenced' }),
      letterFact({ status: 'dead', reason: 'MISSING_REFERENCE' }),
      letterFact({ before: 'dead', status: 'dead', reason: 'EMAIL_TAKEN' }),
    ];
    metrics.observe({ kind: 'letters-attempted', action: 'retry', letters });
    metrics.observe({ kind: 'letter-discarded', id: 'orders:3:7' });
    expect(await samples('dead_letters_closed_total')).toEqual({
      'outcome=applied': 1,
      'outcome=duplicate': 1,
      'outcome=discarded': 1,
    });
    expect(await samples('dlq_entries_total')).toEqual({ 'reason=MISSING_REFERENCE': 1 });
    expect(await samples('events_processed_total')).toEqual({});
  });

  test('fenced batches count', async () => {
    metrics.observe({ kind: 'batch-fenced', topic: 'orders', partition: 0, expected: 1n });
    expect(await samples('fenced_total')).toEqual({ '': 1 });
  });
});

describe('partitions', () => {
  const checked = (partition: number, lag: bigint, assigned: boolean) => ({
    kind: 'positions-checked' as const,
    topic: 'orders',
    partitions: [{ partition, position: 0n, start: 0n, end: lag, lag, assigned }],
  });
  const paused = (reason: 'outage' | 'stuck') => ({
    kind: 'partition-paused' as const,
    topic: 'orders',
    partition: 1,
    reason,
    detail: 'x',
    retryInMs: 1,
  });

  test('lag is told of assigned partitions only', async () => {
    metrics.observe(checked(0, 7n, true));
    metrics.observe(checked(1, 9n, false));
    expect(await samples('consumer_lag_records')).toEqual({ 'topic=orders partition=0': 7 });
    metrics.observe(checked(0, 8n, false));
    expect(await samples('consumer_lag_records')).toEqual({});
  });

  test('a pause shows its present reason until it is over', async () => {
    metrics.observe(paused('outage'));
    metrics.observe(paused('stuck'));
    expect(await samples('partition_paused')).toEqual({ 'topic=orders partition=1 reason=stuck': 1 });
    metrics.observe({ kind: 'partition-resumed', topic: 'orders', partition: 1, pausedMs: 5 });
    expect(await samples('partition_paused')).toEqual({});
  });

  test('the pause of a partition that went to another consumer is not told here, until it is back', async () => {
    metrics.observe(paused('outage'));
    metrics.observe(checked(1, 0n, false));
    expect(await samples('partition_paused')).toEqual({});
    metrics.observe(checked(1, 0n, true));
    expect(await samples('partition_paused')).toEqual({ 'topic=orders partition=1 reason=outage': 1 });
  });
});

describe('dead letters', () => {
  const count = (state: LetterCount['state'], n: number): LetterCount => ({
    state,
    reason: 'INVALID_JSON',
    count: n,
    oldestFirstFailedAt: '2026-11-20T11:59:00.000Z',
    ages: { underOneHour: 1, underOneDay: 0, underOneWeek: 0, older: 0 },
  });

  test('counts and ages come from the order store, asked at most every 15 s', async () => {
    let asked = 0;
    let counts = [count('dead', 3), count('resolved', 9)];
    metrics.countLetters(async () => {
      asked += 1;
      return counts;
    });
    await Promise.all([metrics.text(), metrics.text()]);
    expect(await samples('dead_letters')).toEqual({
      'state=dead reason=INVALID_JSON': 3,
      'state=resolved reason=INVALID_JSON': 9,
    });
    expect(await samples('dead_letter_oldest_age_seconds')).toEqual({ 'state=dead': 60, 'state=parked': 0 });
    expect(asked).toBe(1);

    counts = [];
    now += 14_999;
    expect(await samples('dead_letters')).not.toEqual({});
    now += 1;
    expect(await samples('dead_letters')).toEqual({});
    expect(await samples('dead_letter_oldest_age_seconds')).toEqual({ 'state=dead': 0, 'state=parked': 0 });
    expect(asked).toBe(2);
  });

  test('a store that fails costs no scrape: the last numbers stand and the failure is counted', async () => {
    let fails = false;
    metrics.countLetters(async () => {
      if (fails) throw new Error('away: postgres://app:canary@db');
      return [count('dead', 3)];
    });
    await metrics.text();
    fails = true;
    now += 15_000;
    await metrics.text();
    expect(await samples('dead_letters')).toEqual({ 'state=dead reason=INVALID_JSON': 3 });
    expect(await samples('metrics_scrape_errors_total')).toEqual({ '': 1 });
    expect((await metrics.text()).body).not.toContain('canary');
  });

  test('a store that throws at once is asked again', async () => {
    metrics.countLetters(() => {
      throw new Error('closed');
    });
    expect((await metrics.text()).body).toContain('build_info');
    expect(await samples('metrics_scrape_errors_total')).toEqual({ '': 1 });
    now += 15_000;
    metrics.countLetters(async () => [count('parked', 2)]);
    expect(await samples('dead_letters')).toEqual({ 'state=parked reason=INVALID_JSON': 2 });
  });

  test('a store that hangs costs no scrape, is not asked twice, and is heard when it answers', async () => {
    let answer: (counts: LetterCount[]) => void = () => {};
    const hanging = new Promise<LetterCount[]>((resolve) => {
      answer = resolve;
    });
    let asked = 0;
    metrics.countLetters(() => {
      asked += 1;
      return hanging;
    });
    expect((await metrics.text()).body).toContain('build_info');
    now += 15_000;
    const scrape = samples('dead_letters');
    answer([count('dead', 1)]);
    expect(await scrape).toEqual({ 'state=dead reason=INVALID_JSON': 1 });
    expect(asked).toBe(1);
  });
});

test('calls are measured in seconds, by operation', async () => {
  metrics.observeStoreCall('sink.applyBatch', 20);
  metrics.observeAppend(5);
  expect(await samples('db_operation_duration_seconds_sum')).toEqual({ 'operation=sink.applyBatch': 0.02 });
  expect(await samples('kafka_produce_duration_seconds_sum')).toEqual({ '': 0.005 });
});

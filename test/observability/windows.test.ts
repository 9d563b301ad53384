import { describe, expect, test } from 'vitest';
import { createEventRate } from '../../src/observability/event-rate.ts';
import { createLatencyWindow } from '../../src/observability/latency-window.ts';

describe('latency window', () => {
  test('percentiles are those of what was recorded, to 5 %', () => {
    const window = createLatencyWindow(() => 0);
    for (let ms = 1; ms <= 1000; ms += 1) window.record(ms);
    const { count, p50, p95, p99 } = window.percentiles();
    expect(count).toBe(1000);
    for (const [found, exact] of [
      [p50, 500],
      [p95, 950],
      [p99, 990],
    ] as const) {
      expect(found).toBeGreaterThanOrEqual(exact);
      expect(found).toBeLessThanOrEqual(exact * 1.06);
    }
  });

  test('what is older than a minute no longer counts', () => {
    let now = 1_000_000;
    const window = createLatencyWindow(() => now);
    window.record(5000);
    now += 54_000;
    window.record(1);
    expect(window.percentiles().count).toBe(2);
    now += 6_000;
    expect(window.percentiles()).toMatchObject({ count: 1 });
    expect(window.percentiles().p99).toBeLessThan(2);
  });

  test('nothing recorded has no percentiles', () => {
    expect(createLatencyWindow(() => 0).percentiles()).toEqual({ count: 0, p50: null, p95: null, p99: null });
  });

  test('durations of any length are taken', () => {
    const window = createLatencyWindow(() => 0);
    for (const ms of [0, -1, Number.NaN, 1e9]) window.record(ms);
    expect(window.percentiles().count).toBe(4);
    expect(window.percentiles().p99).toBeGreaterThan(100_000);
  });
});

describe('event rate', () => {
  test('it is the mean of the last 10 s and falls to 0 when idle', () => {
    let now = 50_000;
    const rate = createEventRate(() => now);
    for (let n = 0; n < 50; n += 1) rate.count('OrderPlaced');
    expect(rate.perSecond('OrderPlaced')).toBe(5);
    now += 5_000;
    rate.count('OrderPlaced');
    expect(rate.perSecond('OrderPlaced')).toBe(5.1);
    expect(rate.perSecond('UserCreated')).toBe(0);
    now += 5_000;
    expect(rate.perSecond('OrderPlaced')).toBe(0.1);
    now += 3_600_000;
    expect(rate.perSecond('OrderPlaced')).toBe(0);
  });

  test('a clock set back counts nothing twice', () => {
    let now = 100_000;
    const rate = createEventRate(() => now);
    rate.count('OrderPlaced');
    now -= 60_000;
    expect(rate.perSecond('OrderPlaced')).toBe(0);
  });
});

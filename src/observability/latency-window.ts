import { createTimeSlots } from './time-slots.ts';

/** Percentiles in ms, null where nothing was recorded. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** Durations of the last minute. */
export interface LatencyWindow {
  record(ms: number): void;
  percentiles(): Percentiles;
}

const SLOT_MS = 5000;
const SLOTS = 12;
/** Durations are counted in classes 5 % wide from 0.1 ms to above 2 min, so a percentile is at most 5 % too high. */
const SHORTEST_MS = 0.1;
const GROWTH = 1.05;
const CLASSES = 290;

/** Takes the same 28 KB however many durations are recorded. `now` is in ms. */
export function createLatencyWindow(now: () => number): LatencyWindow {
  const slots = createTimeSlots({ slotMs: SLOT_MS, slots: SLOTS, empty: () => new Float64Array(CLASSES), now });
  return {
    record: (ms) => {
      const counts = slots.current();
      const index = classOf(ms);
      counts[index] = (counts[index] ?? 0) + 1;
    },
    percentiles: () => percentilesOf(slots.recent()),
  };
}

function classOf(ms: number): number {
  if (!(ms > SHORTEST_MS)) return 0;
  return Math.min(Math.ceil(Math.log(ms / SHORTEST_MS) / Math.log(GROWTH)), CLASSES - 1);
}

function percentilesOf(slots: readonly Float64Array[]): Percentiles {
  const counts = Array.from({ length: CLASSES }, (_, n) => slots.reduce((sum, slot) => sum + (slot[n] ?? 0), 0));
  const count = counts.reduce((sum, n) => sum + n, 0);
  return {
    count,
    p50: percentile(counts, count * 0.5),
    p95: percentile(counts, count * 0.95),
    p99: percentile(counts, count * 0.99),
  };
}

/** The upper end of the class in which the `rank`th shortest duration lies. */
function percentile(counts: readonly number[], rank: number): number | null {
  if (rank === 0) return null;
  let seen = 0;
  const index = counts.findIndex((n) => {
    seen += n;
    return seen >= rank;
  });
  return Number((SHORTEST_MS * GROWTH ** index).toPrecision(3));
}

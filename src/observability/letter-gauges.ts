import { Counter, Gauge, type Registry } from 'prom-client';
import type { LetterCount } from '../dead-letters.ts';

/** Counts by state and reason, from the order store. */
export type LetterStats = () => Promise<readonly LetterCount[]>;

export interface LetterGauges {
  readonly countLetters: (stats: LetterStats) => void;
}

const CACHED_MS = 15_000;
/** Prometheus gives up on a scrape after 10 s; a store that hangs must not cost it the other metrics. */
const WAIT_MS = 2000;

/**
 * The dead letters as the order store has them. All replicas agree on them: take the maximum, not the sum. A store that
 * does not answer leaves the last values standing and is counted. `now` is in ms since 1970.
 */
export function createLetterGauges(registry: Registry, now: () => number): LetterGauges {
  const { errors, show } = register(registry, now, () => upToDate());
  let source: LetterStats | null = null;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;

  async function ask(stats: LetterStats): Promise<void> {
    try {
      show(await stats());
    } catch {
      // The order store's own metrics, health and log lines say why.
      errors.inc();
    }
  }

  async function upToDate(): Promise<void> {
    if (source === null) return;
    if (asking === null && now() - askedAt >= CACHED_MS) {
      askedAt = now();
      asking = ask(source).finally(() => {
        asking = null;
      });
    }
    if (asking !== null) await atMost(WAIT_MS, asking);
  }

  return {
    countLetters: (stats) => {
      source = stats;
    },
  };
}

function register(registry: Registry, now: () => number, upToDate: () => Promise<void>) {
  const registers = [registry];
  const oldest = new Map<string, number>();
  const letters = new Gauge({
    name: 'dead_letters',
    help: 'Dead letters in the order store; replicas agree, use max',
    labelNames: ['state', 'reason'],
    registers,
    collect: upToDate,
  });
  const age = new Gauge({
    name: 'dead_letter_oldest_age_seconds',
    help: 'Time since the oldest open dead letter first failed, 0 if there is none; replicas agree, use max',
    labelNames: ['state'],
    registers,
    collect: async () => {
      await upToDate();
      for (const [state, since] of oldest) age.set({ state }, Math.max(0, now() - since) / 1000);
    },
  });
  const errors = new Counter({
    name: 'metrics_scrape_errors_total',
    help: 'Times the order store did not say how many dead letters there are; the last numbers are kept',
    registers,
  });

  function show(counts: readonly LetterCount[]): void {
    letters.reset();
    for (const { state, reason, count } of counts) letters.set({ state, reason }, count);
    for (const state of ['parked', 'dead']) {
      const failures = counts.filter((c) => c.state === state).map((c) => Date.parse(c.oldestFirstFailedAt));
      // Infinity where there are none, which makes an age of 0.
      oldest.set(state, Math.min(...failures));
    }
  }
  return { errors, show };
}

/** Resolves when the promise does, or when the time is over. */
async function atMost(ms: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, over]);
  clearTimeout(timer);
}

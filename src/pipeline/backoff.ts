/** A number in [0, 1), as Math.random gives it; passed in so that tests and simulations repeat. */
export type Random = () => number;

const LETTER_STEPS_MS = [100, 300, 1000];
const LETTER_MAX_MS = 5 * 60_000;
const OUTAGE_FIRST_MS = 250;
/** Two thirds of the 15 s within which consuming goes on once the server is back; a probe each 10 s is no load. */
const OUTAGE_MAX_MS = 10_000;

/**
 * When a parked letter is tried again, in ms: 100, 300, 1000, then doubling to 5 minutes, each 10 % to either side so
 * that letters of one moment spread. `attempts` is how often it has failed, 1 or more.
 */
export function letterBackoff(attempts: number, random: Random): number {
  const last = LETTER_STEPS_MS.length - 1;
  const doubled = (LETTER_STEPS_MS[last] ?? 0) * 2 ** Math.min(attempts - 1 - last, 20);
  const base = Math.min(LETTER_STEPS_MS[attempts - 1] ?? doubled, LETTER_MAX_MS);
  return Math.round(base * (0.9 + 0.2 * random()));
}

/**
 * How long to wait for a server that is away, in ms: anything up to a bound that doubles to 10 s (full jitter, so that
 * many services do not return at once), but never less than a tenth of it: a busy loop helps nobody.
 */
export function outageBackoff(failures: number, random: Random): number {
  const bound = Math.min(OUTAGE_FIRST_MS * 2 ** Math.min(failures - 1, 20), OUTAGE_MAX_MS);
  return Math.round(bound * (0.1 + 0.9 * random()));
}

/** Two writers met: again within 20 ms, not in step with the other. */
export function raceDelay(random: Random): number {
  return Math.round(20 * random());
}

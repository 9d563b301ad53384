import type { OpenLetter } from '../batch.ts';
import { describeError, kindOf } from '../errors.ts';
import { type AttemptParts, attemptLetters } from './attempt.ts';
import { letterBackoff, outageBackoff } from './backoff.ts';
import type { BatchLimits } from './cut-batch.ts';
import type { Wakeup } from './wakeup.ts';

export interface RetryParts extends AttemptParts {
  readonly limits: BatchLimits;
  readonly parkMaxAgeMs: number;
  /** Whether every partition of the topic is within one batch of its end, so that a parent would have been seen. */
  readonly caughtUp: () => Promise<boolean>;
  /** Rung by whoever leaves letters due. */
  readonly wakeup: Wakeup;
}

export interface RetryWorker {
  /** The failure that keeps it from working now, null if none does. */
  readonly failure: () => { readonly detail: string; readonly since: number } | null;
  /** Rejects when it never will work again. */
  readonly ended: Promise<void>;
  /** Finishes the attempt under way. Called twice it is the same promise. */
  stop(): Promise<void>;
}

/** Longer than an attempt may take, so that a letter is not tried twice at once; a crash costs this much. */
const LEASE_MS = 60_000;
/** Letters become due by other processes too, so it looks by itself now and then. */
const LOOK_AGAIN_MS = 1000;
const BY = { actor: 'retry-worker', note: null };

/** Tries letters again when they are due: parked ones by backoff, parked and dead ones when their parent turned up. */
export function startRetryWorker(parts: RetryParts): RetryWorker {
  let stopping = false;
  let failures = 0;
  let failure: { detail: string; since: number } | null = null;
  /** Kept through an outage: claimed again they would be due only when their lease is over. */
  let claimed: readonly OpenLetter[] = [];

  async function run(): Promise<void> {
    while (!stopping) {
      try {
        if (claimed.length === 0) claimed = await claimDue(parts);
        const tried = claimed.length;
        await retryLetters(parts, claimed);
        claimed = [];
        recovered();
        if (tried === 0 && !stopping) await untilNextDue(parts);
      } catch (error) {
        if (kindOf(error) === 'defect') throw error;
        await failed(error);
      }
    }
  }

  async function failed(error: unknown): Promise<void> {
    failures += 1;
    const detail = describeError(error);
    if (failure === null) parts.emit({ kind: 'retry-worker-failed', detail });
    failure = { detail, since: failure?.since ?? parts.now() };
    if (!stopping) await parts.wakeup.wait(outageBackoff(failures, parts.random));
  }

  function recovered(): void {
    if (failure !== null) parts.emit({ kind: 'retry-worker-recovered' });
    failure = null;
    failures = 0;
  }

  const ended = run();
  // Whoever watches `ended` sees the failure; nobody may be watching yet.
  ended.catch(() => {});
  let stopped: Promise<void> | null = null;
  return {
    failure: () => failure,
    ended,
    stop: () => {
      stopping = true;
      parts.wakeup.ring();
      stopped ??= ended.catch(() => {});
      return stopped;
    },
  };
}

function claimDue({ sink, limits: { maxRecords, maxBytes } }: RetryParts): Promise<OpenLetter[]> {
  return sink.claimDueLetters({ limit: maxRecords, maxBytes, leaseMs: LEASE_MS });
}

/** May be repeated with the same letters: the revisions of those that were tried have moved. */
async function retryLetters(parts: RetryParts, letters: readonly OpenLetter[]): Promise<void> {
  const expired = await expiredLetters(parts, letters);
  const results = await attemptLetters(parts, letters, {
    action: 'retry',
    by: BY,
    dryRun: false,
    edits: new Map(),
    expired: (letter) => expired.has(letter),
  });
  for (const result of results) {
    // It alone cannot be tried, nobody knows why: it moves on and blocks no other.
    if ('error' in result) await postpone(parts, result.letter);
  }
}

function postpone(parts: RetryParts, { id, attempts }: OpenLetter): Promise<void> {
  return parts.sink.postponeLetter(id, Math.max(1000, letterBackoff(attempts + 1, parts.random)));
}

async function expiredLetters(parts: RetryParts, letters: readonly OpenLetter[]): Promise<Set<OpenLetter>> {
  const before = parts.now() - parts.parkMaxAgeMs;
  const old = letters.filter(({ state, firstFailedAt }) => state === 'parked' && firstFailedAt < before);
  return new Set(old.length > 0 && (await parts.caughtUp()) ? old : []);
}

async function untilNextDue(parts: RetryParts): Promise<void> {
  const dueIn = (await parts.sink.nextLetterDueIn()) ?? LOOK_AGAIN_MS;
  await parts.wakeup.wait(Math.min(Math.max(dueIn, 1), LOOK_AGAIN_MS));
}

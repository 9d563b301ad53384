import type { Batch, BatchResult, KnownLog, LogBatch, OpenLetter, Outcome } from '../../src/batch.ts';
import type { OrderStore } from '../../src/order-store.ts';
import { type AttemptParts, attemptLetters } from '../../src/pipeline/attempt.ts';
import type { Dump } from './dump.ts';
import { decode, logBatch, type Sent } from './records.ts';

/** What a test does to a store's tables behind the store's back, in the words of whichever database it is. */
export interface StoreProbe {
  /** What the tables hold, with sorted rows. */
  dump(): Promise<Dump>;
  /** Every column of every row of every table: equal before and after means that nothing at all changed. */
  everything(): Promise<unknown>;
  emptyTables(): Promise<void>;
  /** Parked letters are due at once, so that no test waits for a backoff. */
  makeParkedDue(): Promise<void>;
  /** From now on no letter of these reasons can be stored: a check constraint refuses it. Gives the way back. */
  refuseLetters(reason: string): Promise<() => Promise<void>>;
}

/** A store with one log of four partitions, read from 0. */
export interface StoreDriver {
  readonly store: OrderStore;
  readonly probe: StoreProbe;
  readonly log: KnownLog;
  /** The next stretch of a partition, not applied yet. */
  next(sent: readonly Sent[], partition?: number): LogBatch;
  /** Applies the next stretch of a partition; each outcome in words: "dead EMAIL_TAKEN email:a@example.com". */
  apply(sent: readonly Sent[], partition?: number): Promise<string[]>;
  /** Claims the letters that are due and tries them as the retry worker does; how each ended, by id. */
  retryDue(): Promise<Record<string, string>>;
  /** Until no letter is due; how each ended at last. */
  retryUntilQuiet(): Promise<Record<string, string>>;
}

export const TOPIC = 'order-events';
const PARTITIONS = [0, 1, 2, 3];
/** A letter comes back because a parent woke it; chains are short. More rounds than this would never end. */
const MAX_ROUNDS = 100;

export async function driveStore(store: OrderStore, probe: StoreProbe, source = 'source'): Promise<StoreDriver> {
  const log = await store.sink.openLog(source, TOPIC);
  const beginnings = PARTITIONS.map((partition) => ({ partition, begin: 0n, start: 0n }));
  const positions = (await store.sink.beginPartitions(log, beginnings)).map(({ nextOffset }) => nextOffset);
  const next = (sent: readonly Sent[], partition = 0): LogBatch =>
    logBatch(log, partition, positions[partition] ?? 0n, sent);

  async function apply(sent: readonly Sent[], partition = 0): Promise<string[]> {
    const batch = next(sent, partition);
    const outcomes = await applied(store, batch);
    positions[partition] = batch.next;
    return outcomes;
  }

  async function retryUntilQuiet(): Promise<Record<string, string>> {
    const last: Record<string, string> = {};
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const tried = await retryDue(store);
      if (Object.keys(tried).length === 0) return last;
      Object.assign(last, tried);
    }
    throw new Error(`letters are still due after ${MAX_ROUNDS} rounds: ${JSON.stringify(last)}`);
  }

  return { store, probe, log, next, apply, retryDue: () => retryDue(store), retryUntilQuiet };
}

/** Applies a batch that must not be fenced; outcomes in words. */
export async function applied(store: OrderStore, batch: Batch): Promise<string[]> {
  return outcomesOf(await store.sink.applyBatch(batch)).map(inWords);
}

export function outcomesOf(result: BatchResult): readonly Outcome[] {
  if (result.fenced) throw new Error('the batch was fenced');
  return result.outcomes;
}

export function inWords(outcome: Outcome): string {
  if (!('reason' in outcome)) return outcome.status;
  return [outcome.status, outcome.reason, ...(outcome.waitingFor === null ? [] : [outcome.waitingFor])].join(' ');
}

async function retryDue(store: OrderStore): Promise<Record<string, string>> {
  const letters = await store.sink.claimDueLetters({ limit: 100, maxBytes: 4 * 1024 * 1024, leaseMs: 60_000 });
  const results = await attemptLetters(attemptParts(store), letters, {
    action: 'retry',
    by: { actor: 'retry-worker', note: null },
    dryRun: false,
    edits: new Map(),
    expired: () => false,
  });
  return Object.fromEntries(
    results.map((result) => {
      if ('error' in result) throw result.error;
      return [result.letter.id, inWords(result.outcome)] as const;
    }),
  );
}

/** A letter that stays parked is not due again within any test: its backoff is minutes. */
function attemptParts(store: OrderStore): AttemptParts {
  return {
    sink: { ...store.sink, applyBatch: (batch) => store.sink.applyBatch(withLongBackoff(batch)) },
    decode,
    random: () => 0.5,
    now: Date.now,
    sleep: async () => {},
    emit: () => {},
    lettersWaiting: () => {},
  };
}

function withLongBackoff(batch: Batch): Batch {
  if (batch.from === 'log') return batch;
  return { ...batch, records: batch.records.map((record) => ({ ...record, retryInMs: 3_600_000 })) };
}

/** The open letter, which must exist. */
export async function openLetter(store: OrderStore, id: string): Promise<OpenLetter> {
  const letter = await store.deadLetters.open(id);
  if (letter === null) throw new Error(`no open letter ${id}`);
  return letter;
}

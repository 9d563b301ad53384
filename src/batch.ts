import type { LogRecord } from './event-log.ts';
import type { Decoded, Reason } from './events/index.ts';

/** A log as the store knows it. Letter ids of every log but a topic's first end in `letterSuffix` ("@2"). */
export interface KnownLog {
  readonly logNo: number;
  readonly topic: string;
  readonly letterSuffix: string;
}

/** "topic:partition:offset", with a suffix for every log of a topic but the first. */
export function letterId(record: { topic: string; partition: number; offset: bigint }, log: KnownLog): string {
  return `${record.topic}:${record.partition}:${record.offset}${log.letterSuffix}`;
}

/** Who changes something by hand, and why. `actor` is what they claim to be. */
export interface Authorship {
  readonly actor: string;
  readonly note: string | null;
}

/**
 * A record of a batch. `twinOf` is the index of the first record of the batch with the same event id, null for the
 * first itself; `sameBody` says whether their bodies are equal.
 */
export interface BatchRecord {
  readonly content: Decoded;
  readonly twinOf: number | null;
  readonly sameBody: boolean;
}

/** A stretch [expected, next) of one partition. It is applied only if the stored position is still `expected`. */
export interface LogBatch {
  readonly from: 'log';
  readonly log: KnownLog;
  readonly partition: number;
  readonly expected: bigint;
  readonly next: bigint;
  /** Timestamp (ms) of the record at next - 1. */
  readonly previousTimestamp: number;
  readonly records: ReadonlyArray<BatchRecord & { readonly received: LogRecord }>;
  /** When a letter of this batch that is parked is tried first, in ms from now. */
  readonly retryInMs: number;
}

/** New bytes for a letter, given by a person; the original is kept. */
export interface LetterEdit {
  readonly value: Uint8Array;
  readonly key: Uint8Array | null;
}

/** A letter to try again. It is skipped (outcome `fenced`) if its revision moved or it was closed meanwhile. */
export interface LetterAttempt extends BatchRecord {
  readonly id: string;
  readonly revision: number;
  /** What the letter waited for until now. */
  readonly waitingFor: string | null;
  /** When the letter is tried next if it stays parked, in ms from now. */
  readonly retryInMs: number;
  /** Parked for too long: if its parent is still missing, it dies. */
  readonly expired: boolean;
  readonly edit: LetterEdit | null;
}

/** Letters tried again, by the retry worker or by a person. */
export interface LetterBatch {
  readonly from: 'letters';
  readonly action: 'retry' | 'redrive';
  readonly by: Authorship;
  readonly records: readonly LetterAttempt[];
  /** Answer what would happen, and roll back. */
  readonly dryRun: boolean;
}

export type Batch = LogBatch | LetterBatch;

/**
 * What became of one record.
 *
 * - `applied`    its effect is in the tables. `stale`: a newer event of the entity was there first.
 * - `duplicate`  the event was applied or found stale before, or the letter exists already.
 * - `ignored`    a foreign type.
 * - `parked`     a dead letter that is retried by itself, for its parent is missing.
 * - `dead`       a dead letter for a person (or until its parent turns up).
 * - `fenced`     letters only: somebody else changed the letter meanwhile; nothing happened to it.
 */
export type Outcome =
  | { readonly status: 'applied' | 'stale' | 'duplicate' | 'ignored' | 'fenced' }
  | { readonly status: 'parked' | 'dead'; readonly reason: Reason; readonly waitingFor: string | null };

export type BatchResult =
  /** The position was not the expected one: nothing happened. */
  | { readonly fenced: true }
  /** One outcome per record, in order; `woken` letters are due now. */
  | { readonly fenced: false; readonly outcomes: readonly Outcome[]; readonly woken: number };

/** A letter with what is needed to try it again: the latest bytes, edited or as received. */
export interface OpenLetter {
  readonly id: string;
  readonly revision: number;
  readonly state: 'parked' | 'dead';
  readonly reason: Reason;
  readonly waitingFor: string | null;
  readonly eventId: string | null;
  readonly attempts: number;
  /** ms since 1970, by the database's clock. */
  readonly firstFailedAt: number;
  readonly received: LogRecord;
}

import type { Outcome } from '../batch.ts';
import type { ErrorKind } from '../errors.ts';
import type { EventType, Reason } from '../events/index.ts';
import type { PauseReason } from './partition.ts';

/** What became of one record of the log. Ids and reasons only, never payloads. */
export interface RecordFact {
  readonly eventId: string | null;
  readonly eventType: EventType | 'unknown';
  readonly status: Exclude<Outcome['status'], 'fenced'>;
  readonly reason: Reason | null;
  readonly waitingFor: string | null;
  readonly letterId: string | null;
  readonly traceparent: string | null;
  /** The record's own, ms since 1970. */
  readonly timestamp: number;
}

/** What became of one letter that was tried again. */
export interface LetterFact {
  readonly id: string;
  readonly eventId: string | null;
  readonly eventType: EventType | 'unknown';
  readonly before: 'parked' | 'dead';
  readonly status: Outcome['status'];
  readonly reason: Reason | null;
  /** Since it failed first. */
  readonly waitedMs: number;
}

/** A letter that has been parked for so long that its parent may never come. */
export interface WaitingLetterFact {
  readonly id: string;
  readonly eventId: string | null;
  readonly eventType: EventType | 'unknown';
  readonly reason: Reason;
  /** Since it failed first. */
  readonly waitedMs: number;
}

/** A position against the log's ends. Lag is never negative. */
export interface PartitionLag {
  readonly partition: number;
  readonly position: bigint;
  readonly start: bigint;
  readonly end: bigint;
  readonly lag: bigint;
  /** Whether this process reads the partition now. */
  readonly assigned: boolean;
}

/**
 * What the pipeline did, told after it happened. It imports neither logger nor metrics: observers decide what to make
 * of it, and must not throw.
 */
export type Fact =
  | {
      readonly kind: 'batch-applied';
      readonly topic: string;
      readonly partition: number;
      readonly from: bigint;
      readonly next: bigint;
      readonly records: readonly RecordFact[];
      readonly woken: number;
      readonly consumeMs: number;
    }
  | {
      readonly kind: 'batch-fenced';
      readonly topic: string;
      readonly partition: number;
      readonly expected: bigint;
    }
  | {
      readonly kind: 'letters-attempted';
      readonly action: 'retry' | 'redrive';
      readonly letters: readonly LetterFact[];
    }
  | { readonly kind: 'letter-discarded'; readonly id: string }
  | {
      readonly kind: 'partition-paused';
      readonly topic: string;
      readonly partition: number;
      readonly reason: PauseReason;
      readonly detail: string;
      readonly retryInMs: number;
    }
  | {
      readonly kind: 'partition-resumed';
      readonly topic: string;
      readonly partition: number;
      readonly pausedMs: number;
    }
  | { readonly kind: 'positions-checked'; readonly topic: string; readonly partitions: readonly PartitionLag[] }
  | { readonly kind: 'retry-worker-failed'; readonly detail: string }
  | { readonly kind: 'retry-worker-recovered' }
  | { readonly kind: 'mirror-failed'; readonly errorKind: ErrorKind; readonly detail: string }
  /** Everything was sent in a new epoch, and what was too much removed. */
  | { readonly kind: 'mirror-complete'; readonly sent: number; readonly removed: number; readonly ms: number }
  | { readonly kind: 'letters-waiting'; readonly letters: readonly WaitingLetterFact[] }
  | { readonly kind: 'pruned'; readonly ledgerRows: number; readonly payloads: number }
  | { readonly kind: 'prune-failed'; readonly errorKind: ErrorKind; readonly detail: string };

export type Emit = (fact: Fact) => void;

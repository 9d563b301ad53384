import type { Authorship, OpenLetter } from './batch.ts';
import type { RecordHeader } from './event-log.ts';
import type { Reason } from './events/index.ts';

export type LetterState = 'parked' | 'dead' | 'resolved' | 'discarded';

export interface LetterFilter {
  readonly state?: LetterState;
  readonly reason?: Reason;
  readonly eventType?: string;
  readonly entityId?: string;
  /** Last failed before or after, ms since 1970. */
  readonly failedBefore?: number;
  readonly failedAfter?: number;
}

/** Where a page of letters ends: letters are ordered by (lastFailedAt, id). */
export interface LetterCursor {
  readonly lastFailedAt: string;
  readonly id: string;
}

export interface LetterSummary {
  readonly id: string;
  readonly state: LetterState;
  readonly reason: Reason;
  readonly error: string;
  readonly path: string | null;
  readonly eventId: string | null;
  readonly eventType: string | null;
  readonly entityId: string | null;
  readonly waitingFor: string | null;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly attempts: number;
  readonly revision: number;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
  readonly nextAttemptAt: string | null;
}

export interface LetterAction {
  readonly at: string;
  readonly actor: string;
  readonly action: 'retry' | 'redrive' | 'edit' | 'discard' | 'quarantine';
  readonly outcome: string;
  readonly note: string | null;
  readonly editedValue: Uint8Array | null;
  readonly editedKey: Uint8Array | null;
}

export interface LetterDetails extends LetterSummary {
  readonly key: Uint8Array | null;
  /** As received, cut at 8 MiB (`truncated`); null for a tombstone or when retention has removed it. */
  readonly value: Uint8Array | null;
  readonly truncated: boolean;
  readonly editedKey: Uint8Array | null;
  readonly editedValue: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  readonly recordTimestamp: string;
  /** Oldest first. */
  readonly actions: readonly LetterAction[];
}

export interface LetterCount {
  readonly state: LetterState;
  readonly reason: Reason;
  readonly count: number;
  readonly oldestFirstFailedAt: string;
  /** How many of them first failed so long ago; each is counted in one. */
  readonly ages: {
    readonly underOneHour: number;
    readonly underOneDay: number;
    readonly underOneWeek: number;
    readonly older: number;
  };
}

export interface DeadLetters {
  /** Newest failure first. */
  list(filter: LetterFilter, page: { limit: number; after: LetterCursor | null }): Promise<LetterSummary[]>;
  get(id: string): Promise<LetterDetails | null>;
  /** By state and reason. */
  stats(): Promise<LetterCount[]>;
  /** The open letter with its latest bytes, null if it does not exist or is closed. */
  open(id: string): Promise<OpenLetter | null>;
  /**
   * Open letters for a bulk redrive: oldest failure first from the cursor on, only those that last failed before
   * `failedBefore`, at most `limit` and `maxBytes` (but one at least).
   */
  select(
    filter: LetterFilter & { readonly failedBefore: number },
    page: { limit: number; maxBytes: number; after: LetterCursor | null },
  ): Promise<Array<OpenLetter & { readonly cursor: LetterCursor }>>;
  /** Closes an open letter for good. `revision` null means whatever it is. False if it is closed or moved meanwhile. */
  discard(id: string, revision: number | null, by: Authorship): Promise<boolean>;
  /**
   * Asks the owner of a partition, which reads it at its next probe, to make the record a dead letter unread. False if
   * the partition is unknown or the record lies below its position.
   */
  quarantine(record: { topic: string; partition: number; offset: bigint }, by: Authorship): Promise<boolean>;
}

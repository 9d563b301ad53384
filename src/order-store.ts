import type { Authorship, Batch, BatchResult, KnownLog, OpenLetter } from './batch.ts';
import type { MirrorLetter, MirrorState } from './dead-letter-mirror.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Reads } from './reads.ts';

/**
 * The order store: the one authority on what has been applied, how far each partition has been read and what died.
 *
 * Every call is one request and one transaction. Calls may run at once and from several processes; what must not
 * happen twice is fenced by the database itself. Errors are PipelineErrors whose kind says what to do.
 */
export interface OrderStore {
  /** One word for people: `embedded`, `postgres` or `sqlserver`. */
  readonly kind: string;
  readonly sink: Sink;
  readonly deadLetters: DeadLetters;
  readonly reads: Reads;
  readonly mirror: MirrorSource;
  /** Called twice it is the same promise. */
  close(): Promise<void>;
}

/** How far a partition has been read. The only authority: what the log itself remembers of a group is for tools. */
export interface Position {
  readonly partition: number;
  readonly nextOffset: bigint;
  /** Timestamp (ms) of the record at nextOffset - 1, null where it is not known. */
  readonly previousTimestamp: number | null;
  /** The record an operator wants to be made a dead letter unread, null for none. */
  readonly quarantineOffset: bigint | null;
}

/** Where to begin a partition: at `begin` if the log was never seen, at `start` if only the partition is new. */
export interface PartitionBeginning {
  readonly partition: number;
  readonly begin: bigint;
  readonly start: bigint;
}

/** An operator's change of position, kept in position_changes. */
export interface PositionChange {
  readonly partition: number;
  readonly to: bigint;
}

export interface Sink {
  /** Finds or registers the newest generation of a log. */
  openLog(source: string, topic: string): Promise<KnownLog>;
  /** Inserts what is absent, in one transaction, and gives every position of the log by partition: what is there wins. */
  beginPartitions(log: KnownLog, beginnings: readonly PartitionBeginning[]): Promise<Position[]>;
  /** By partition; empty for a log never begun. */
  positions(log: KnownLog): Promise<Position[]>;
  /** Applies all of a batch or nothing. May be repeated after any error: the fence tells whether it happened. */
  applyBatch(batch: Batch): Promise<BatchResult>;
  /**
   * Letters that are due, oldest first, at most `limit` and `maxBytes` (but one at least), leased: they are due again
   * after `leaseMs` unless an attempt decides otherwise. Letters that another session holds are skipped.
   */
  claimDueLetters(claim: { limit: number; maxBytes: number; leaseMs: number }): Promise<OpenLetter[]>;
  /** Moves the next attempt of a letter that cannot be tried now. */
  postponeLetter(id: string, retryInMs: number): Promise<void>;
  /** Milliseconds until the next open letter is due (0 or less: overdue by that much), null if none will be. */
  nextLetterDueIn(): Promise<number | null>;
  /** How many ROW_REJECTED letters of a partition lie within `[from, to)`. */
  countRejectedRows(log: KnownLog, stretch: { partition: number; from: bigint; to: bigint }): Promise<number>;
  /** The database's clock, ms since 1970. */
  now(): Promise<number>;
  /**
   * Deletes, in small transactions, ledger rows and payloads of closed letters older than two moments (ms since 1970);
   * gives the numbers deleted. Ids with an open letter stay.
   */
  prune(limits: { ledgerBefore: number; payloadsBefore: number }): Promise<PruneResult>;

  /** Changes positions of one log, audited; a dry run changes nothing. Gives what was there before. */
  setPositions(
    log: KnownLog,
    changes: readonly PositionChange[],
    how: Authorship & { dryRun: boolean },
  ): Promise<Array<{ partition: number; from: bigint | null; to: bigint }>>;
  /** Begins the next generation of a log (same source and topic, new record numbers), audited. */
  beginGeneration(log: KnownLog, changes: readonly PositionChange[], by: Authorship): Promise<KnownLog>;
}

export interface PruneResult {
  readonly ledgerRows: number;
  readonly payloads: number;
}

/** A relay's right to send letters to the mirror. */
export interface MirrorLease {
  /** Counts every time the lease was taken or kept. */
  readonly turn: number;
  /** False if it was taken anew, or if the database was set back: what the relay knows is void. */
  readonly kept: boolean;
}

/** A page of letters: at most `limit` and `maxBytes` of payload, but one at least. */
export interface MirrorPage {
  readonly limit: number;
  readonly maxBytes: number;
}

/** What the relay to the dead-letter mirror needs. One relay at a time may send, wherever the processes are. */
export interface MirrorSource {
  /** Takes the lease or keeps it for `forMs` from now; null while another relay has it. `turn` is the last one known. */
  holdLease(lease: { relay: string; turn: number | null; forMs: number }): Promise<MirrorLease | null>;
  /** Gives the lease back if the relay has it. */
  releaseLease(relay: string): Promise<void>;
  /**
   * Letters that changed since they were claimed last, as they are now: dead, closed, and parked ones that failed first
   * `parkedForMs` ago. They count as sent from now on: whoever fails to send them has to send everything again. None if
   * it is not the relay's turn. `more`: the page was full. `newlyWaiting`: ids of parked letters claimed for the first
   * time ever.
   */
  claimChanges(
    claim: MirrorPage & { relay: string; turn: number; parkedForMs: number },
  ): Promise<{ readonly letters: MirrorLetter[]; readonly more: boolean; readonly newlyWaiting: ReadonlySet<string> }>;
  /** Open letters that count as sent, by id after `after`. */
  mirrored(page: MirrorPage & { after: string | null }): Promise<MirrorState[]>;
  /** These letters as they are now, in any order. */
  letters(ids: readonly string[]): Promise<MirrorLetter[]>;
}

import type { KnownLog } from '../batch.ts';
import type { Position } from '../order-store.ts';

/**
 * Why nothing is applied for now.
 *
 * - `outage`   the store is away or does not answer; probed until it does.
 * - `races`    ten lost races in a row.
 * - `stuck`    one record alone cannot be applied and nobody knows why; probed, and named for `dlq quarantine`.
 * - `stopped`  the log does not continue where the position says; an operator decides, by `positions`.
 * - `clock`    the clocks of service and database disagree.
 */
export type PauseReason = 'outage' | 'races' | 'stuck' | 'stopped' | 'clock';

export interface Pause {
  readonly reason: PauseReason;
  readonly detail: string;
  /** ms since 1970. */
  readonly since: number;
}

/** What the consume loop remembers of a partition between two deliveries. */
export interface PartitionState {
  readonly partition: number;
  assignment: number;
  /** The generation of the log that the position belongs to, known together with it. */
  log: KnownLog | null;
  /** Null: not known, or not to be trusted any more; read again before anything is applied. */
  position: Position | null;
  /** A delivery is being handled: the stored position may be ahead of the remembered one. */
  busy: boolean;
  /** The fetch has begun one record below the position, or could not: the seek was asked for. */
  aligned: boolean;
  /** The position that was sought because a delivery began above it. */
  sought: bigint | null;
  /** Records in the next batch at most; halved by failures, doubled by success. */
  batchLimit: number;
  /** Failures in a row, by which the next wait is chosen. */
  failures: number;
  races: number;
  /** A record that the database refuses, alone in its batch: it becomes a dead letter. */
  refused: { readonly offset: bigint; readonly message: string } | null;
  /** The position at which it was stopped: while it is the same, no operator has decided. */
  stoppedAt: bigint | null;
  pause: Pause | null;
}

export function newPartition(partition: number, batchLimit: number): PartitionState {
  return {
    partition,
    assignment: Number.NaN,
    log: null,
    position: null,
    busy: false,
    aligned: false,
    sought: null,
    batchLimit,
    failures: 0,
    races: 0,
    refused: null,
    stoppedAt: null,
    pause: null,
  };
}

/** Nothing remembered of the position is trusted any more: read it again, and compare with the log again. */
export function distrust(state: PartitionState): void {
  state.log = null;
  state.position = null;
  state.aligned = false;
  state.sought = null;
}

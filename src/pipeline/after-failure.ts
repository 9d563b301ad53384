import type { LogBatch } from '../batch.ts';
import { describeError, kindOf } from '../errors.ts';
import type { Answer } from '../event-log.ts';
import type { Sink } from '../order-store.ts';
import { outageBackoff, type Random, raceDelay } from './backoff.ts';
import { distrust, type PartitionState, type PauseReason } from './partition.ts';
import { type PauseParts, pausePartition } from './pause.ts';

export interface FailureParts extends PauseParts {
  readonly sink: Pick<Sink, 'countRejectedRows'>;
  readonly random: Random;
}

/** What failed: the batch, or null if it did not come to one. */
export interface Failure {
  readonly batch: LogBatch | null;
  readonly error: unknown;
}

const RACES_BEFORE_PAUSE = 10;
const MAX_REJECTED_ROWS = 10;
const REJECTED_ROWS_WINDOW = 1000n;

/**
 * What to do with a partition whose batch failed, by the kind of the error. A smaller batch is tried where it may help;
 * a single record is made a dead letter only when the database itself refuses its values.
 */
export async function afterFailure(parts: FailureParts, state: PartitionState, failure: Failure): Promise<Answer> {
  switch (kindOf(failure.error)) {
    case 'defect':
      return { do: 'stop', error: failure.error };
    case 'race':
      return afterRace(parts, state, failure);
    case 'data':
      return afterRefusedRow(parts, state, failure);
    case 'timeout':
    case 'unforeseen':
      halve(state, failure.batch);
      return waitFor(parts, state, failure);
    case 'outage':
      return pauseFor(parts, state, 'outage', describeError(failure.error));
  }
}

function afterRace(parts: FailureParts, state: PartitionState, { batch, error }: Failure): Answer {
  state.races += 1;
  if (state.races % RACES_BEFORE_PAUSE !== 0) return { do: 'retryAfter', ms: raceDelay(parts.random) };
  halve(state, batch);
  return pauseFor(parts, state, 'races', describeError(error));
}

/** Halves until the record to blame is alone; alone, it is named, and probed until an operator or time helps. */
function waitFor(parts: FailureParts, state: PartitionState, { batch, error }: Failure): Answer {
  const only = batch?.records.length === 1 ? batch.records[0]?.received : undefined;
  if (only === undefined) return pauseFor(parts, state, 'outage', describeError(error));
  const record = `${only.topic}:${only.partition}:${only.offset}`;
  return pauseFor(parts, state, 'stuck', `record ${record} cannot be applied: ${describeError(error)}`);
}

async function afterRefusedRow(parts: FailureParts, state: PartitionState, failure: Failure): Promise<Answer> {
  const { batch, error } = failure;
  const only = batch?.records.length === 1 ? batch.records[0] : undefined;
  if (batch === null || only?.content.kind === 'rejection') return waitFor(parts, state, failure);
  if (only === undefined) {
    halve(state, batch);
    return { do: 'retryAfter', ms: 0 };
  }
  const { offset } = only.received;
  try {
    if (await tooManyRejected(parts, batch, offset)) return { do: 'stop', error };
  } catch (second) {
    return pauseFor(parts, state, 'outage', describeError(second));
  }
  state.refused = { offset, message: describeError(error) };
  return { do: 'retryAfter', ms: 0 };
}

/** Rows refused one after another are not bad records but a bad deploy; it must not empty the topic into the DLQ. */
async function tooManyRejected(parts: FailureParts, { log, partition }: LogBatch, offset: bigint): Promise<boolean> {
  const before = { partition, from: offset - REJECTED_ROWS_WINDOW, to: offset };
  return (await parts.sink.countRejectedRows(log, before)) >= MAX_REJECTED_ROWS;
}

/** The answer may have been lost after the commit: whatever happened, SQL knows the position now. */
function pauseFor(parts: FailureParts, state: PartitionState, reason: PauseReason, detail: string): Answer {
  distrust(state);
  state.failures += 1;
  const retryInMs = outageBackoff(state.failures, parts.random);
  pausePartition(parts, state, { reason, detail, retryInMs });
  return { do: 'retryAfter', ms: retryInMs };
}

function halve(state: PartitionState, batch: LogBatch | null): void {
  if (batch !== null) state.batchLimit = Math.max(1, Math.floor(batch.records.length / 2));
}

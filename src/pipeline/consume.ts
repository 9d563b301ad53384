import type { BatchResult, LogBatch } from '../batch.ts';
import type { Answer, Delivery, EventLog, Watermarks } from '../event-log.ts';
import type { Position, Sink } from '../order-store.ts';
import { afterFailure } from './after-failure.ts';
import { type Random, raceDelay } from './backoff.ts';
import { batchFacts } from './batch-facts.ts';
import { checkContinuity } from './continuity.ts';
import { type BatchLimits, cutBatch, type Decode } from './cut-batch.ts';
import type { Emit } from './facts.ts';
import { distrust, newPartition, type PartitionState, type PauseReason } from './partition.ts';
import { pausePartition, resumePartition } from './pause.ts';
import { openPosition } from './positions.ts';

export interface ConsumeParts {
  readonly eventLog: EventLog;
  readonly sink: Sink;
  readonly decode: Decode;
  readonly limits: BatchLimits;
  readonly startFrom: 'earliest' | 'latest';
  readonly now: () => number;
  readonly random: Random;
  readonly emit: Emit;
  /** Called after a commit that left letters due, or due soon. */
  readonly lettersWaiting: () => void;
}

/** The consume loop: what to do with each delivery, shared by every log. */
export interface ConsumeLoop {
  readonly handle: (delivery: Delivery) => Promise<Answer>;
  /** What is remembered of each partition that was delivered so far. */
  readonly partitions: () => readonly PartitionState[];
  /** A problem seen from outside (the log's ends, the clocks): nothing is applied until it is gone. */
  readonly pause: (position: Position, reason: PauseReason, detail: string) => void;
  /**
   * The stored position is not the remembered one, or what was seen from outside is gone: look again. A stopped
   * partition stays so until its position was changed or a delivery continues it.
   */
  readonly reconsider: (position: Position) => void;
}

/** How often a partition that waits for an operator is looked at again. */
const RECONSIDER_MS = 2000;

export function createConsumeLoop(parts: ConsumeParts): ConsumeLoop {
  const states = new Map<number, PartitionState>();
  const failureParts = { ...parts, topic: parts.eventLog.topic };

  function stateOf(partition: number): PartitionState {
    const state = states.get(partition) ?? newPartition(partition, parts.limits.maxRecords);
    states.set(partition, state);
    return state;
  }

  function pause(position: Position, reason: PauseReason, detail: string): Answer {
    const state = stateOf(position.partition);
    distrust(state);
    if (reason === 'stopped') state.stoppedAt = position.nextOffset;
    pausePartition(failureParts, state, { reason, detail, retryInMs: RECONSIDER_MS });
    return { do: 'retryAfter', ms: RECONSIDER_MS };
  }

  async function handle(delivery: Delivery): Promise<Answer> {
    const state = stateOf(delivery.partition);
    state.busy = true;
    try {
      return await applyNext(state, delivery);
    } finally {
      state.busy = false;
    }
  }

  async function applyNext(state: PartitionState, delivery: Delivery): Promise<Answer> {
    if (state.assignment !== delivery.assignment) distrust(state);
    state.assignment = delivery.assignment;
    if (state.pause?.reason === 'clock') return { do: 'retryAfter', ms: RECONSIDER_MS };
    const pausedBefore = state.pause;
    let batch: LogBatch | null = null;
    try {
      const { log, position } = await openPosition(parts, state);
      const continuity = await checkContinuity(state, position, delivery, () => watermarksOf(state.partition));
      if (continuity.is === 'elsewhere') return { do: 'seek', position: continuity.seek };
      if (continuity.is === 'broken') return pause(position, 'stopped', continuity.detail);
      batch = cutBatch({ log, state, position, records: delivery.records }, parts);
      const started = parts.now();
      const result = batch === null ? null : await parts.sink.applyBatch(batch);
      // A pause that came from outside meanwhile is not over because this batch worked.
      if (state.pause === pausedBefore) resumePartition(failureParts, state);
      if (batch === null || result === null) return { do: 'committed', next: endOf(delivery) };
      return settle(state, batch, result, started);
    } catch (error) {
      return afterFailure(failureParts, state, { batch, error });
    }
  }

  async function watermarksOf(partition: number): Promise<Watermarks> {
    const found = (await parts.eventLog.watermarks()).find((w) => w.partition === partition);
    if (found === undefined) throw new Error(`partition ${partition} of ${parts.eventLog.topic} has no watermarks`);
    return found;
  }

  function settle(state: PartitionState, batch: LogBatch, result: BatchResult, started: number): Answer {
    if (result.fenced) return afterFence(state, batch);
    const { next: nextOffset, previousTimestamp } = batch;
    if (state.position !== null) state.position = { ...state.position, nextOffset, previousTimestamp };
    state.sought = null;
    state.refused = null;
    state.batchLimit = Math.min(state.batchLimit * 2, parts.limits.maxRecords);
    parts.emit(batchFacts(batch, result, parts.now() - started));
    if (result.woken > 0 || result.outcomes.some(({ status }) => status === 'parked')) parts.lettersWaiting();
    return { do: 'committed', next: nextOffset };
  }

  /** Somebody else moved the position, or our own lost answer did: read it again and go where it says. */
  function afterFence(state: PartitionState, { log, partition, expected }: LogBatch): Answer {
    parts.emit({ kind: 'batch-fenced', topic: log.topic, partition, expected });
    distrust(state);
    return { do: 'retryAfter', ms: raceDelay(parts.random) };
  }

  return {
    handle,
    partitions: () => [...states.values()],
    pause: (position, reason, detail) => void pause(position, reason, detail),
    reconsider: ({ partition, nextOffset }) => {
      const state = stateOf(partition);
      const reason = state.pause?.reason;
      distrust(state);
      const decided = reason === 'stopped' && state.stoppedAt !== nextOffset;
      if (decided || reason === 'clock') resumePartition(failureParts, state);
    },
  };
}

function endOf(delivery: Delivery): bigint {
  const last = delivery.records.at(-1);
  if (last === undefined) throw new TypeError('a delivery holds at least one record');
  return last.offset + 1n;
}

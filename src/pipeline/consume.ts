import type { BatchResult, LogBatch } from '../batch.ts';
import { describeError, kindOf } from '../errors.ts';
import type { Answer, Delivery, EventLog } from '../event-log.ts';
import type { Position, Sink } from '../order-store.ts';
import { outageBackoff, type Random, raceDelay } from './backoff.ts';
import { batchFacts } from './batch-facts.ts';
import { checkContinuity } from './continuity.ts';
import { type BatchLimits, cutBatch, type Decode } from './cut-batch.ts';
import type { Emit } from './facts.ts';
import { distrust, newPartition, type PartitionState, type PauseReason } from './partition.ts';
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

/** The consume loop's policy: what to do with each delivery. Shared by every log. */
export interface ConsumeLoop {
  readonly handle: (delivery: Delivery) => Promise<Answer>;
  /** What is remembered of each partition that was delivered so far. */
  readonly partitions: () => readonly PartitionState[];
  /** A problem seen from outside (the log's ends, the clocks): nothing is applied until it is gone. */
  readonly pause: (partition: number, reason: PauseReason, detail: string) => void;
  /** The stored position is not the remembered one, or a pause from outside is over: look again. */
  readonly reconsider: (partition: number) => void;
}

const RACES_BEFORE_PAUSE = 10;
const RECONSIDER_MS = 2000;
const MAX_REJECTED_ROWS = 10;
const REJECTED_ROWS_WINDOW = 1000n;

export function createConsumeLoop(parts: ConsumeParts): ConsumeLoop {
  const states = new Map<number, PartitionState>();

  function stateOf(partition: number): PartitionState {
    const state = states.get(partition) ?? newPartition(partition, parts.limits.maxRecords);
    states.set(partition, state);
    return state;
  }

  async function handle(delivery: Delivery): Promise<Answer> {
    const state = stateOf(delivery.partition);
    state.busy = true;
    try {
      return await next(state, delivery);
    } finally {
      state.busy = false;
    }
  }

  async function next(state: PartitionState, delivery: Delivery): Promise<Answer> {
    if (state.assignment !== delivery.assignment) {
      distrust(state);
      state.assignment = delivery.assignment;
    }
    let batch: LogBatch | null = null;
    try {
      if (state.pause?.reason === 'clock') return { do: 'retryAfter', ms: RECONSIDER_MS };
      const { log, position } = await openPosition(parts, state);
      const continuity = await checkContinuity(state, position, delivery, () => watermarksOf(state.partition));
      if (continuity.is === 'elsewhere') return { do: 'seek', position: continuity.seek };
      if (continuity.is === 'broken') return stopped(state, continuity.detail);
      batch = cutBatch({ log, state, position, records: delivery.records }, parts);
      if (batch === null) return { do: 'committed', next: lastOffset(delivery) + 1n };
      const started = parts.now();
      return settle(state, batch, await parts.sink.applyBatch(batch), started);
    } catch (error) {
      return afterError(state, batch, error);
    }
  }

  async function watermarksOf(partition: number) {
    const found = (await parts.eventLog.watermarks()).find((w) => w.partition === partition);
    if (found === undefined) throw new Error(`partition ${partition} of ${parts.eventLog.topic} has no watermarks`);
    return found;
  }

  function settle(state: PartitionState, batch: LogBatch, result: BatchResult, started: number): Answer {
    resume(state);
    if (result.fenced) return afterFence(state, batch);
    state.position = {
      ...(state.position as Position),
      nextOffset: batch.next,
      previousTimestamp: batch.previousTimestamp,
    };
    state.sought = null;
    state.refused = null;
    state.batchLimit = Math.min(state.batchLimit * 2, parts.limits.maxRecords);
    parts.emit(batchFacts(batch, result, parts.now() - started));
    if (result.woken > 0 || result.outcomes.some(({ status }) => status === 'parked')) parts.lettersWaiting();
    return { do: 'committed', next: batch.next };
  }

  /** Somebody else moved the position, or our own lost answer did: read it again and go where it says. */
  function afterFence(state: PartitionState, batch: LogBatch): Answer {
    const { log, partition, expected } = batch;
    parts.emit({ kind: 'batch-fenced', topic: log.topic, partition, expected });
    distrust(state);
    return { do: 'retryAfter', ms: raceDelay(parts.random) };
  }

  function afterError(state: PartitionState, batch: LogBatch | null, error: unknown): Promise<Answer> | Answer {
    switch (kindOf(error)) {
      case 'defect':
        return { do: 'stop', error };
      case 'race':
        return afterRace(state, batch, error);
      case 'data':
        return batch === null ? afterOutage(state, batch, error) : afterBadRow(state, batch, error);
      case 'timeout':
      case 'unforeseen':
        halve(state, batch);
        return afterOutage(state, batch, error);
      case 'outage':
        return afterOutage(state, batch, error);
    }
  }

  function afterRace(state: PartitionState, batch: LogBatch | null, error: unknown): Answer {
    state.races += 1;
    if (state.races % RACES_BEFORE_PAUSE !== 0) return { do: 'retryAfter', ms: raceDelay(parts.random) };
    halve(state, batch);
    return pausedAfter(state, 'races', describeError(error));
  }

  /** The answer may have been lost after the commit: whatever happened, SQL knows the position now. */
  function afterOutage(state: PartitionState, batch: LogBatch | null, error: unknown): Answer {
    const alone = batch?.records.length === 1 && kindOf(error) !== 'outage';
    distrust(state);
    if (!alone) return pausedAfter(state, 'outage', describeError(error));
    const record = `${batch.log.topic}:${batch.partition}:${batch.records[0]?.received.offset}`;
    return pausedAfter(state, 'stuck', `record ${record} cannot be applied: ${describeError(error)}`);
  }

  async function afterBadRow(state: PartitionState, batch: LogBatch, error: unknown): Promise<Answer> {
    const only = batch.records.length === 1 ? batch.records[0] : undefined;
    if (only === undefined) {
      halve(state, batch);
      return { do: 'retryAfter', ms: 0 };
    }
    if (only.content.kind === 'rejection') return afterOutage(state, batch, error);
    const { offset } = only.received;
    const before = { partition: batch.partition, from: offset - REJECTED_ROWS_WINDOW, to: offset };
    try {
      if ((await parts.sink.countRejectedRows(batch.log, before)) >= MAX_REJECTED_ROWS) return { do: 'stop', error };
    } catch (second) {
      return afterOutage(state, null, second);
    }
    state.refused = { offset, message: describeError(error) };
    return { do: 'retryAfter', ms: 0 };
  }

  function halve(state: PartitionState, batch: LogBatch | null): void {
    if (batch !== null) state.batchLimit = Math.max(1, Math.floor(batch.records.length / 2));
  }

  function stopped(state: PartitionState, detail: string): Answer {
    distrust(state);
    setPause(state, 'stopped', detail, RECONSIDER_MS);
    return { do: 'retryAfter', ms: RECONSIDER_MS };
  }

  function pausedAfter(state: PartitionState, reason: PauseReason, detail: string): Answer {
    state.failures += 1;
    const ms = outageBackoff(state.failures, parts.random);
    setPause(state, reason, detail, ms);
    return { do: 'retryAfter', ms };
  }

  function setPause(state: PartitionState, reason: PauseReason, detail: string, retryInMs: number): void {
    const isNew = state.pause?.reason !== reason;
    state.pause = { reason, detail, since: isNew ? parts.now() : (state.pause?.since ?? parts.now()) };
    if (!isNew) return;
    const { topic } = parts.eventLog;
    parts.emit({ kind: 'partition-paused', topic, partition: state.partition, reason, detail, retryInMs });
  }

  function resume(state: PartitionState): void {
    state.failures = 0;
    state.races = 0;
    if (state.pause === null) return;
    const pausedMs = parts.now() - state.pause.since;
    state.pause = null;
    parts.emit({ kind: 'partition-resumed', topic: parts.eventLog.topic, partition: state.partition, pausedMs });
  }

  return {
    handle,
    partitions: () => [...states.values()],
    pause: (partition, reason, detail) => {
      const state = stateOf(partition);
      distrust(state);
      setPause(state, reason, detail, RECONSIDER_MS);
    },
    reconsider: (partition) => {
      const state = stateOf(partition);
      distrust(state);
      if (state.pause?.reason === 'stopped' || state.pause?.reason === 'clock') resume(state);
    },
  };
}

function lastOffset(delivery: Delivery): bigint {
  const last = delivery.records.at(-1);
  if (last === undefined) throw new TypeError('a delivery holds at least one record');
  return last.offset;
}

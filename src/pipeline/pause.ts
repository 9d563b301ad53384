import type { Emit } from './facts.ts';
import type { PartitionState, PauseReason } from './partition.ts';

export interface PauseParts {
  readonly topic: string;
  readonly now: () => number;
  readonly emit: Emit;
}

/** Marks a partition as paused; told once per reason, not at every probe. */
export function pausePartition(
  parts: PauseParts,
  state: PartitionState,
  why: { reason: PauseReason; detail: string; retryInMs: number },
): void {
  const { reason, detail, retryInMs } = why;
  const isNew = state.pause?.reason !== reason;
  state.pause = { reason, detail, since: state.pause?.since ?? parts.now() };
  if (!isNew) return;
  parts.emit({ kind: 'partition-paused', topic: parts.topic, partition: state.partition, reason, detail, retryInMs });
}

/** The partition works again: what counted towards its next wait is forgotten. */
export function resumePartition(parts: PauseParts, state: PartitionState): void {
  state.failures = 0;
  state.races = 0;
  if (state.pause === null) return;
  const pausedMs = parts.now() - state.pause.since;
  state.pause = null;
  parts.emit({ kind: 'partition-resumed', topic: parts.topic, partition: state.partition, pausedMs });
}

import type { Consumption } from '../event-log.ts';
import { type ConsumeParts, createConsumeLoop } from './consume.ts';
import { every } from './every.ts';
import type { PartitionState } from './partition.ts';
import { prune } from './retention.ts';
import { type RetryParts, type RetryWorker, startRetryWorker } from './retry-worker.ts';
import { createWakeup } from './wakeup.ts';
import { createWatch } from './watch.ts';

export type PipelineParts = Omit<ConsumeParts, 'lettersWaiting'> &
  Omit<RetryParts, 'lettersWaiting' | 'caughtUp' | 'wakeup'> & {
    readonly ledgerRetentionMs: number;
    readonly watchEveryMs?: number;
    readonly pruneEveryMs?: number;
  };

/** The running pipeline: it consumes the log, retries letters, watches itself and forgets what is past its time. */
export interface Pipeline {
  /** Rings the retry worker, after letters were redriven by hand. */
  readonly lettersWaiting: () => void;
  /** What is remembered of the partitions that are assigned now. */
  readonly partitions: () => readonly PartitionState[];
  readonly retryFailure: RetryWorker['failure'];
  /** Why no progress is made, empty when it is. */
  readonly problems: () => readonly string[];
  /** Looks at positions, progress and clocks now, not only every 15 s. */
  readonly look: () => Promise<void>;
  /** Whether a part of it never will work again. */
  readonly failed: () => boolean;
  /** Rejects when a part of it never will work again; resolves after `stop`. */
  readonly ended: Promise<void>;
  /** Finishes the batches under way. Called twice it is the same promise. */
  stop(): Promise<void>;
}

const WATCH_MS = 15_000;
const PRUNE_MS = 3_600_000;

export async function startPipeline(parts: PipelineParts): Promise<Pipeline> {
  const wakeup = createWakeup();
  const lettersWaiting = wakeup.ring;
  const loop = createConsumeLoop({ ...parts, lettersWaiting });
  let consumption: Consumption | null = null;
  const watch = createWatch({
    ...parts,
    loop,
    batchMaxRecords: parts.limits.maxRecords,
    consumption: () => consumption,
  });

  await watch.look();
  consumption = await parts.eventLog.consume(loop.handle);
  const retries = startRetryWorker({ ...parts, lettersWaiting, wakeup, caughtUp: watch.caughtUp });
  const watching = every(parts.watchEveryMs ?? WATCH_MS, watch.look);
  // What is remembered of a partition that went to another consumer is no problem of this one.
  const partitions = (): PartitionState[] => {
    const assigned = new Set(consumption?.assigned() ?? []);
    return loop.partitions().filter(({ partition }) => assigned.has(partition));
  };
  const standingStill = (): boolean => partitions().some(({ pause }) => pause !== null);
  const pruning = every(parts.pruneEveryMs ?? PRUNE_MS, () => prune({ ...parts, standingStill }));

  const ended = Promise.all([consumption.ended, retries.ended]).then(() => {});
  let failed = false;
  // Whoever awaits `ended` sees the failure; nobody may be waiting yet.
  ended.catch(() => {
    failed = true;
  });
  let stopped: Promise<void> | null = null;
  const running = consumption;

  return {
    lettersWaiting,
    partitions,
    retryFailure: retries.failure,
    problems: () => [...pausedPartitions(partitions()), ...retryProblem(retries), ...watch.problems()],
    look: watch.look,
    failed: () => failed,
    ended,
    stop: () => {
      stopped ??= Promise.all([watching.stop(), pruning.stop(), running.stop(), retries.stop()]).then(() => {});
      return stopped;
    },
  };
}

function pausedPartitions(partitions: readonly PartitionState[]): string[] {
  return partitions.flatMap(({ partition, pause }) => {
    if (pause === null) return [];
    return [
      `partition ${partition} is paused since ${new Date(pause.since).toISOString()} (${pause.reason}): ${pause.detail}`,
    ];
  });
}

function retryProblem(retries: RetryWorker): string[] {
  const failure = retries.failure();
  if (failure === null) return [];
  return [`the retry worker fails since ${new Date(failure.since).toISOString()}: ${failure.detail}`];
}

import { describeError, kindOf } from '../errors.ts';
import type { Consumption, EventLog, Watermarks } from '../event-log.ts';
import type { Position, Sink } from '../order-store.ts';
import type { ConsumeLoop } from './consume.ts';
import { outsideLog } from './continuity.ts';
import type { Emit, PartitionLag } from './facts.ts';
import type { PartitionState } from './partition.ts';
import { openPositions } from './positions.ts';

export interface WatchParts {
  readonly eventLog: EventLog;
  readonly sink: Sink;
  readonly startFrom: 'earliest' | 'latest';
  readonly loop: ConsumeLoop;
  readonly consumption: () => Consumption | null;
  readonly batchMaxRecords: number;
  readonly now: () => number;
  readonly emit: Emit;
}

/** What the watch knows beyond the pauses of single partitions. */
export interface Watch {
  /** Looks once: positions against the log's ends, progress, clocks. Never throws. */
  look(): Promise<void>;
  /** Why no progress is made, empty if none of it is known. */
  problems(): readonly string[];
  /** Whether every partition of the topic is within one batch of its end. */
  caughtUp(): Promise<boolean>;
}

const NO_PROGRESS_MS = 60_000;
const RETRY_OVERDUE_MS = 60_000;
const MAX_CLOCK_SKEW_MS = 60_000;

interface Seen {
  readonly position: bigint;
  readonly since: number;
}

/**
 * Looks at what deliveries do not show: a partition that delivers nothing although records wait, a log that ends below
 * its position, positions changed by an operator, letters that nobody retries, clocks that disagree.
 */
export function createWatch(parts: WatchParts): Watch {
  const progress = new Map<number, Seen>();
  let problems: string[] = [];

  async function look(): Promise<void> {
    try {
      const clock = await clockProblem(parts);
      const remembered = rememberedOffsets(parts.loop);
      const { positions } = await openPositions(parts);
      const watermarks = byPartition(await parts.eventLog.watermarks());
      const consumption = parts.consumption();
      const assigned = new Set(consumption?.assigned() ?? []);
      const lags = positions.map((position) => toLag(position, watermarks.get(position.partition), assigned));
      parts.emit({ kind: 'positions-checked', topic: parts.eventLog.topic, partitions: lags });
      // Before consuming begins any partition may become ours, and nothing must be applied to it before the next look.
      const mine = positions.filter(({ partition }) => consumption === null || assigned.has(partition));
      for (const position of mine) {
        const moved = remembered.get(position.partition) !== position.nextOffset;
        supervise(position, { watermarks: watermarks.get(position.partition), clock, moved });
      }
      const stuck = lags.flatMap((lag) => (lag.assigned ? stuckProblem(lag) : []));
      problems = [...(clock === null ? [] : [clock]), ...stuck, ...(await overdueProblem(parts))];
    } catch (error) {
      problems = [`${kindOf(error)}: ${describeError(error)}`];
    }
  }

  /** Pauses or reconsiders a partition that may have nothing to deliver, and so does not find out by itself. */
  function supervise(
    position: Position,
    seen: { watermarks: Watermarks | undefined; clock: string | null; moved: boolean },
  ): void {
    const { partition, nextOffset } = position;
    const { watermarks, clock, moved } = seen;
    const outside = watermarks === undefined ? null : outsideLog(position, watermarks);
    const state = parts.loop.partitions().find((s) => s.partition === partition);
    if (clock !== null) parts.loop.pause(position, 'clock', clock);
    else if (outside?.is === 'broken') parts.loop.pause(position, 'stopped', outside.detail);
    else if (isOverlooked(state, position, watermarks) || needsAnotherLook(state, position, moved)) {
      parts.loop.reconsider(position);
      parts.consumption()?.seek(partition, nextOffset > 0n ? nextOffset - 1n : 0n);
    }
  }

  function stuckProblem({ partition, position, lag }: PartitionLag): string[] {
    const before = progress.get(partition);
    const seen = before?.position === position && lag > 0n ? before : { position, since: parts.now() };
    progress.set(partition, seen);
    const stuckMs = parts.now() - seen.since;
    if (stuckMs < NO_PROGRESS_MS) return [];
    return [`partition ${partition} has not moved from ${position} for ${Math.round(stuckMs / 1000)} s, lag ${lag}`];
  }

  return {
    look,
    problems: () => problems,
    caughtUp: async () => {
      const { positions } = await openPositions(parts);
      const watermarks = byPartition(await parts.eventLog.watermarks());
      return positions.every(({ partition, nextOffset }) => {
        const end = watermarks.get(partition)?.end ?? nextOffset;
        return end - nextOffset <= BigInt(parts.batchMaxRecords);
      });
    },
  };
}

/** Never delivered although records are unread: the log may remember a later position than a restored database. */
function isOverlooked(state: PartitionState | undefined, stored: Position, log: Watermarks | undefined): boolean {
  const delivered = state !== undefined && !Number.isNaN(state.assignment);
  return !delivered && log !== undefined && stored.nextOffset < log.end;
}

/**
 * Whether an operator moved the position while nothing was delivered. `moved`: it already differed from what was
 * remembered before it was read, so it is not just a batch that was committed meanwhile.
 */
function needsAnotherLook(state: PartitionState | undefined, stored: Position, moved: boolean): boolean {
  if (state === undefined) return false;
  if (state.pause?.reason === 'stopped' || state.pause?.reason === 'clock') return true;
  if (state.position === null || state.busy) return false;
  return moved && state.position.nextOffset !== stored.nextOffset;
}

function rememberedOffsets(loop: ConsumeLoop): Map<number, bigint | undefined> {
  return new Map(loop.partitions().map(({ partition, position }) => [partition, position?.nextOffset]));
}

function toLag(position: Position, watermarks: Watermarks | undefined, assigned: ReadonlySet<number>): PartitionLag {
  const { partition, nextOffset } = position;
  const [start, end] = [watermarks?.start ?? nextOffset, watermarks?.end ?? nextOffset];
  const lag = end > nextOffset ? end - nextOffset : 0n;
  return { partition, position: nextOffset, start, end, lag, assigned: assigned.has(partition) };
}

async function clockProblem(parts: WatchParts): Promise<string | null> {
  const aheadMs = parts.now() - (await parts.sink.now());
  if (Math.abs(aheadMs) <= MAX_CLOCK_SKEW_MS) return null;
  return `the service's clock is ${Math.round(aheadMs / 1000)} s ahead of the database's`;
}

async function overdueProblem(parts: WatchParts): Promise<string[]> {
  const dueIn = await parts.sink.nextLetterDueIn();
  if (dueIn === null || dueIn > -RETRY_OVERDUE_MS) return [];
  return [`a dead letter is overdue for its retry by ${Math.round(-dueIn / 1000)} s`];
}

function byPartition(watermarks: readonly Watermarks[]): Map<number, Watermarks> {
  return new Map(watermarks.map((w) => [w.partition, w]));
}

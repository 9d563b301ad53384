import type { Authorship, KnownLog } from '../batch.ts';
import type { EventLog, Watermarks } from '../event-log.ts';
import type { Position, PositionChange, Sink } from '../order-store.ts';

/** Where an operator wants reading to go on. */
export type Target =
  | { readonly to: 'earliest' | 'latest' }
  | { readonly to: 'offset'; readonly offset: bigint }
  /** The first record that is not older, ms since 1970. */
  | { readonly to: 'time'; readonly timestamp: number };

export interface MoveRequest {
  readonly target: Target;
  /** Null for all. */
  readonly partition: number | null;
  /** The log was begun again: its records belong to the next generation. */
  readonly newLog: boolean;
  readonly dryRun: boolean;
}

/** A partition's position before and after, and the log's ends. */
export interface Move {
  readonly partition: number;
  readonly from: bigint | null;
  readonly to: bigint;
  readonly start: bigint;
  readonly end: bigint;
}

export interface PositionReport {
  readonly log: KnownLog;
  readonly partitions: ReadonlyArray<{ readonly position: Position | null; readonly watermarks: Watermarks }>;
}

/** A request that makes no sense for this log; says what would. */
export class MoveRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MoveRefused';
  }
}

/** Positions beside the ends of the log, by partition. */
export async function showPositions(parts: { eventLog: EventLog; sink: Sink }): Promise<PositionReport> {
  const { eventLog, sink } = parts;
  const log = await sink.openLog(await eventLog.source(), eventLog.topic);
  const positions = new Map((await sink.positions(log)).map((position) => [position.partition, position]));
  const watermarks = await eventLog.watermarks();
  return {
    log,
    partitions: watermarks.map((w) => ({ position: positions.get(w.partition) ?? null, watermarks: w })),
  };
}

/**
 * Moves positions, audited. A running service finds out at its next batch (the fence) or look (15 s). Skipping ahead
 * leaves records unread; going back re-reads them, which changes nothing as long as the ledger remembers them.
 */
export async function movePositions(
  parts: { eventLog: EventLog; sink: Sink },
  request: MoveRequest,
  by: Authorship,
): Promise<Move[]> {
  const { log, partitions } = await showPositions(parts);
  const chosen = partitions.filter(
    ({ watermarks: w }) => request.partition === null || w.partition === request.partition,
  );
  if (chosen.length === 0) throw new MoveRefused(`${log.topic} has no partition ${request.partition}`);
  if (request.newLog && request.partition !== null)
    throw new MoveRefused('a new log is begun in all partitions at once');
  const offsets = await targetOffsets(parts.eventLog, request.target);
  const moves = chosen.map(({ position, watermarks }) => {
    const to = offsets(watermarks);
    requireInside(to, watermarks);
    return { ...watermarks, from: request.newLog ? null : (position?.nextOffset ?? null), to };
  });
  await store(parts.sink, log, moves, request, by);
  return moves;
}

async function store(
  sink: Sink,
  log: KnownLog,
  moves: readonly PositionChange[],
  request: MoveRequest,
  by: Authorship,
): Promise<void> {
  const changes = moves.map(({ partition, to }) => ({ partition, to }));
  if (!request.newLog) await sink.setPositions(log, changes, { ...by, dryRun: request.dryRun });
  else if (!request.dryRun) await sink.beginGeneration(log, changes, by);
}

async function targetOffsets(eventLog: EventLog, target: Target): Promise<(watermarks: Watermarks) => bigint> {
  switch (target.to) {
    case 'earliest':
      return ({ start }) => start;
    case 'latest':
      return ({ end }) => end;
    case 'offset':
      return () => target.offset;
    case 'time': {
      const found = new Map((await eventLog.offsetsAt(target.timestamp)).map((o) => [o.partition, o.offset]));
      return ({ partition, end }) => found.get(partition) ?? end;
    }
  }
}

function requireInside(to: bigint, { partition, start, end }: Watermarks): void {
  if (to >= start && to <= end) return;
  throw new MoveRefused(`offset ${to} lies outside partition ${partition}, which holds ${start} to ${end}`);
}

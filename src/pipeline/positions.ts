import type { KnownLog } from '../batch.ts';
import type { EventLog } from '../event-log.ts';
import type { Position, Sink } from '../order-store.ts';
import type { PartitionState } from './partition.ts';

/** What is needed to find out where a log is read from. */
export interface PositionParts {
  readonly eventLog: EventLog;
  readonly sink: Sink;
  readonly startFrom: 'earliest' | 'latest';
}

/** All positions of the newest generation of the log; what was never begun is begun now. */
export async function openPositions(parts: PositionParts): Promise<{ log: KnownLog; positions: Position[] }> {
  const { eventLog, sink } = parts;
  const log = await sink.openLog(await eventLog.source(), eventLog.topic);
  const [stored, watermarks] = [await sink.positions(log), await eventLog.watermarks()];
  const known = new Set(stored.map(({ partition }) => partition));
  if (watermarks.every(({ partition }) => known.has(partition))) return { log, positions: stored };
  const beginnings = watermarks.map(({ partition, start, end }) => ({
    partition,
    start,
    begin: parts.startFrom === 'latest' ? end : start,
  }));
  return { log, positions: await sink.beginPartitions(log, beginnings) };
}

/** The position of one partition: as remembered, or read from the store if nothing is remembered. */
export async function openPosition(
  parts: PositionParts,
  state: PartitionState,
): Promise<{ log: KnownLog; position: Position }> {
  if (state.position !== null && state.log !== null) return { log: state.log, position: state.position };
  const { log, positions } = await openPositions(parts);
  const position = positions.find(({ partition }) => partition === state.partition);
  if (position === undefined) throw new Error(`partition ${state.partition} of ${log.topic} has no position`);
  state.log = log;
  state.position = position;
  return { log, position };
}

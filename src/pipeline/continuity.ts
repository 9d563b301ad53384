import type { Delivery, LogRecord, Watermarks } from '../event-log.ts';
import type { Position } from '../order-store.ts';
import type { PartitionState } from './partition.ts';

/**
 * Whether a delivery continues where the position says.
 *
 * A position is a number, and a number says nothing about a log that was deleted and begun again, or whose old records
 * expired unread. So fetching begins one record below the position, and that record's timestamp is compared with the
 * one that was stored with the position. A delivery that begins above the position is fetched again from the position;
 * if it begins above it again and the log still reaches back that far, nothing readable lies between (compaction,
 * aborted transactions) and it is accepted. Without that last rule the seek would repeat for ever.
 */
export type Continuity =
  | { readonly is: 'continuous' }
  | { readonly is: 'elsewhere'; readonly seek: bigint }
  | { readonly is: 'broken'; readonly detail: string };

const CONTINUOUS: Continuity = { is: 'continuous' };

export async function checkContinuity(
  state: PartitionState,
  position: Position,
  delivery: Delivery,
  watermarks: () => Promise<Watermarks>,
): Promise<Continuity> {
  const below = position.nextOffset > 0n ? position.nextOffset - 1n : 0n;
  if (!state.aligned) {
    state.aligned = true;
    if (delivery.fetchedFrom !== below) return { is: 'elsewhere', seek: below };
  }
  if (delivery.fetchedFrom < below) {
    const broken = outsideLog(position, await watermarks());
    if (broken !== null) return broken;
  }
  const first = delivery.records[0];
  if (first !== undefined && first.offset > position.nextOffset) return beginsAbove(state, position, watermarks);
  return sameRecordBelow(position, delivery.records);
}

/** A position that lies outside the log, as of these watermarks. */
export function outsideLog(position: Position, log: Watermarks): Continuity | null {
  const at = `position ${position.nextOffset} of partition ${position.partition}`;
  if (position.nextOffset > log.end) {
    return broken(`LOG_RESTARTED: ${at} lies above the log's end ${log.end}: the topic was deleted and begun again, or \
the database belongs to another log; decide with: npm run positions -- reset --new-log`);
  }
  if (position.nextOffset < log.start) {
    return broken(`RECORDS_EXPIRED: ${at} lies below the log's start ${log.start}: records expired before they were \
read; accept the loss with: npm run positions -- reset --to earliest`);
  }
  return null;
}

async function beginsAbove(
  state: PartitionState,
  position: Position,
  watermarks: () => Promise<Watermarks>,
): Promise<Continuity> {
  if (state.sought !== position.nextOffset) {
    state.sought = position.nextOffset;
    return { is: 'elsewhere', seek: position.nextOffset };
  }
  return outsideLog(position, await watermarks()) ?? CONTINUOUS;
}

function sameRecordBelow(position: Position, records: readonly LogRecord[]): Continuity {
  const { previousTimestamp, nextOffset, partition } = position;
  const below = records.find(({ offset }) => offset === nextOffset - 1n);
  if (below === undefined || previousTimestamp === null || below.timestamp === previousTimestamp) return CONTINUOUS;
  return broken(`LOG_RESTARTED: record ${below.offset} of partition ${partition} is of \
${showTime(below.timestamp)}, not of ${showTime(previousTimestamp)} as when it was read: \
the topic was deleted and begun again; decide with: npm run positions -- reset --new-log`);
}

function broken(detail: string): Continuity {
  return { is: 'broken', detail };
}

/** A producer may stamp a record with any number; not every one is a date. */
function showTime(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`;
}

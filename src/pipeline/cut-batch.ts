import type { KnownLog, LogBatch } from '../batch.ts';
import type { LogRecord } from '../event-log.ts';
import type { Decoded, Reason } from '../events/index.ts';
import type { Position } from '../order-store.ts';
import { letterBackoff, type Random } from './backoff.ts';
import type { PartitionState } from './partition.ts';
import { markTwins } from './twins.ts';

/** A batch takes at most this much, but one record at least. */
export interface BatchLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

export type Decode = (record: LogRecord) => Decoded;

/** Item lines in a batch: what one statement writes grows with them, not with the records. */
const MAX_ITEM_LINES = 20_000;

/** The records from the position on that fit into one batch, decoded; null if all lie below the position. */
export function cutBatch(
  from: { log: KnownLog; state: PartitionState; position: Position; records: readonly LogRecord[] },
  how: { limits: BatchLimits; decode: Decode; random: Random },
): LogBatch | null {
  const { state, position } = from;
  const taken: LogRecord[] = [];
  const contents: Decoded[] = [];
  let bytes = 0;
  let lines = 0;
  for (const record of from.records) {
    if (record.offset < position.nextOffset) continue;
    if (taken.length >= Math.min(state.batchLimit, how.limits.maxRecords)) break;
    const content = refusedByHand(record, state, position) ?? how.decode(record);
    bytes += recordBytes(record);
    lines += itemLines(content);
    if (taken.length > 0 && (bytes > how.limits.maxBytes || lines > MAX_ITEM_LINES)) break;
    taken.push(record);
    contents.push(content);
  }
  const last = taken.at(-1);
  if (last === undefined) return null;
  return {
    from: 'log',
    log: from.log,
    partition: position.partition,
    expected: position.nextOffset,
    next: last.offset + 1n,
    previousTimestamp: last.timestamp,
    records: markTwins(contents).map((record, n) => ({ ...record, received: taken[n] as LogRecord })),
    retryInMs: letterBackoff(1, how.random),
  };
}

function recordBytes({ key, value, headers }: LogRecord): number {
  const headerBytes = headers.reduce((sum, [name, bytes]) => sum + name.length + bytes.length, 0);
  return (key?.length ?? 0) + (value?.length ?? 0) + headerBytes;
}

function itemLines(content: Decoded): number {
  return content.kind === 'event' && content.event.eventType === 'OrderPlaced' ? content.event.payload.items.length : 0;
}

/** A record that an operator wants out of the way, or that the database refused while it was alone in its batch. */
function refusedByHand(record: LogRecord, state: PartitionState, position: Position): Decoded | null {
  if (record.offset === position.quarantineOffset) {
    return refusal('QUARANTINED', 'an operator asked for this record to be set aside unread');
  }
  return record.offset === state.refused?.offset ? refusal('ROW_REJECTED', state.refused.message) : null;
}

function refusal(reason: Reason, message: string): Decoded {
  const rejection = { reason, message, path: null, eventId: null, eventType: null, entityId: null };
  return { kind: 'rejection', rejection };
}

import { type Batch, type BatchRecord, type LetterBatch, type LogBatch, letterId } from '../batch.ts';
import type { LogRecord } from '../event-log.ts';
import { type Event, entityId, toRow } from '../events/index.ts';
import { base64, storableRecord, storableRejection, storableTime } from './storable.ts';

/** The parameters of the apply_batch routine, in either dialect. */
export interface BatchParameters {
  /** JSON: what to do, the stretch or the letters, and the records that were refused or are ignored. */
  readonly batch: string;
  /** JSON: the events as rows. */
  readonly decoded: string;
  /** A line of JSON for each record as received; read for those that become dead letters. Empty for letters. */
  readonly received: string;
}

/** Offsets, money and times are text; bytes are base64; `n` is the record's index everywhere. */
export function batchJson(batch: Batch): BatchParameters {
  const { events, refused, foreign } = sortRecords(batch.records);
  const what = batch.from === 'log' ? logBatch(batch) : letterBatch(batch);
  return {
    batch: JSON.stringify({ ...what, refused, foreign }),
    decoded: JSON.stringify(events),
    received: batch.from === 'log' ? receivedLines(batch) : '',
  };
}

function receivedLines({ records, log }: LogBatch): string {
  return records.map(({ received }) => JSON.stringify(storableRecord(received, letterId(received, log)))).join('\n');
}

function logBatch(batch: LogBatch): object {
  return {
    stretch: {
      logNo: batch.log.logNo,
      topic: batch.log.topic,
      partition: batch.partition,
      expected: batch.expected.toString(),
      next: batch.next.toString(),
      previousTimestamp: storableTime(batch.previousTimestamp),
    },
    retryInMs: batch.retryInMs,
  };
}

function letterBatch(batch: LetterBatch): object {
  return {
    action: batch.action,
    actor: batch.by.actor,
    note: batch.by.note,
    letters: batch.records.map((letter, n) => ({
      n,
      id: letter.id,
      revision: letter.revision,
      waitingFor: letter.waitingFor,
      retryInMs: letter.retryInMs,
      expired: letter.expired,
      edited: letter.edit !== null,
      editedKey: base64(letter.edit?.key ?? null),
      editedPayload: base64(letter.edit?.value ?? null),
    })),
  };
}

/** The records by what they turned out to be. */
function sortRecords(records: ReadonlyArray<BatchRecord & { readonly received?: LogRecord }>) {
  const events: object[] = [];
  const refused: object[] = [];
  const foreign: number[] = [];
  records.forEach((record, n) => {
    const { content } = record;
    if (content.kind === 'event') events.push(eventRow(content.event, record, n));
    else if (content.kind === 'ignored') foreign.push(n);
    else refused.push({ n, ...storableRejection(content.rejection) });
  });
  return { events, refused, foreign };
}

function eventRow(event: Event, record: BatchRecord & { readonly received?: LogRecord }, n: number): object {
  return {
    n,
    offset: record.received?.offset.toString(),
    eventId: event.eventId,
    bodyHash: event.bodyHash,
    eventType: event.eventType,
    entityId: entityId(event),
    occurredAt: event.occurredAt,
    // Absent for nearly every event: what is not there need not be parsed.
    ...(record.twinOf !== null && { twinOf: record.twinOf, sameBody: record.sameBody }),
    ...columns(event),
  };
}

/** The columns of a type, named alike where they mean the same: an order's total and a payment are both an amount. */
function columns(event: Event): object {
  switch (event.eventType) {
    case 'UserCreated':
      return toRow(event);
    case 'OrderPlaced': {
      const { totalAmount, items, ...order } = toRow(event);
      return { ...order, amount: totalAmount, items: items.map((i) => [i.sku, i.quantity, i.unitPrice]) };
    }
    default:
      return toRow(event);
  }
}

import type { Batch, BatchRecord, LetterBatch, LogBatch } from '../batch.ts';
import type { LogRecord } from '../event-log.ts';
import { type Event, entityId, toRow } from '../events/index.ts';
import { base64, letterId, storableRecord, storableRejection, storableTime } from './storable.ts';

/**
 * A batch as the parameters of the apply_batch routine, in either dialect: what to do, and the records as received,
 * which the routine reads only if it has to write a dead letter. Offsets, money and times are text; bytes are base64.
 * `n` is the record's index everywhere.
 */
export function batchJson(batch: Batch): { batch: string; received: string } {
  if (batch.from === 'letters') return { batch: JSON.stringify(letterBatch(batch)), received: '[]' };
  const received = batch.records.map((record) => storableRecord(record.received, letterId(record.received, batch.log)));
  return { batch: JSON.stringify(logBatch(batch)), received: JSON.stringify(received) };
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
    ...contents(batch.records),
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
    ...contents(batch.records),
  };
}

/** The records by what they turned out to be. */
function contents(records: ReadonlyArray<BatchRecord & { readonly received?: LogRecord }>): object {
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

import { type BatchResult, type KnownLog, type LogBatch, letterId, type Outcome } from '../batch.ts';
import type { LogRecord } from '../event-log.ts';
import { type Decoded, type EventType, isEventType } from '../events/index.ts';
import type { Fact, RecordFact } from './facts.ts';

/** What observers are told of a batch that was applied. */
export function batchFacts(batch: LogBatch, result: BatchResult & { fenced: false }, consumeMs: number): Fact {
  return {
    kind: 'batch-applied',
    topic: batch.log.topic,
    partition: batch.partition,
    from: batch.expected,
    next: batch.next,
    records: batch.records.map(({ content, received }, n) =>
      recordFact(content, received, result.outcomes[n] as Outcome, batch.log),
    ),
    woken: result.woken,
    consumeMs,
  };
}

function recordFact(content: Decoded, received: LogRecord, outcome: Outcome, log: KnownLog): RecordFact {
  const event = content.kind === 'event' ? content.event : null;
  const isLetter = outcome.status === 'parked' || outcome.status === 'dead';
  return {
    eventId: event?.eventId ?? (content.kind === 'rejection' ? content.rejection.eventId : null),
    eventType: typeOf(content),
    status: outcome.status as RecordFact['status'],
    reason: isLetter ? outcome.reason : null,
    waitingFor: isLetter ? outcome.waitingFor : null,
    letterId: isLetter ? letterId(received, log) : null,
    traceparent: event?.traceparent ?? null,
    timestamp: received.timestamp,
  };
}

/** A type that the contract knows; what a stranger calls it is not told, for it would become a label. */
function typeOf(content: Decoded): EventType | 'unknown' {
  if (content.kind === 'event') return content.event.eventType;
  const type = content.kind === 'rejection' ? content.rejection.eventType : null;
  return type !== null && isEventType(type) ? type : 'unknown';
}

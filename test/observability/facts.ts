import type { Fact, LetterFact, RecordFact } from '../../src/pipeline/facts.ts';

/** Facts as the pipeline emits them, each with what a test does not care about filled in. */

type BatchApplied = Extract<Fact, { kind: 'batch-applied' }>;

export function recordFact(fields: Partial<RecordFact> = {}): RecordFact {
  return {
    eventId: 'event-1',
    eventType: 'OrderPlaced',
    status: 'applied',
    reason: null,
    waitingFor: null,
    letterId: null,
    traceparent: null,
    timestamp: 0,
    ...fields,
  };
}

export function batchApplied(records: readonly RecordFact[], fields: Partial<BatchApplied> = {}): BatchApplied {
  const range = { from: 10n, next: 10n + BigInt(records.length) };
  return {
    kind: 'batch-applied',
    topic: 'orders',
    partition: 3,
    ...range,
    records,
    woken: 0,
    consumeMs: 20,
    ...fields,
  };
}

export function letterFact(fields: Partial<LetterFact> = {}): LetterFact {
  return {
    id: 'orders:3:7',
    eventId: 'event-7',
    eventType: 'PaymentSettled',
    before: 'parked',
    status: 'applied',
    reason: null,
    waitedMs: 1500,
    ...fields,
  };
}

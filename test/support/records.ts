import type { BatchRecord, KnownLog, LetterAttempt, LetterBatch, LogBatch, OpenLetter } from '../../src/batch.ts';
import type { LogRecord, RecordHeader } from '../../src/event-log.ts';
import { type Decoded, decodeRecord, encodeEvent } from '../../src/events/index.ts';
import { markTwins } from '../../src/pipeline/twins.ts';
import type { EventJson } from './model-event.ts';

/** A record as it is sent: an event, or bytes that need not be one. */
export type Sent =
  | EventJson
  | {
      readonly key: Uint8Array | null;
      readonly value: Uint8Array | null;
      readonly headers?: readonly RecordHeader[];
    };

/** `at` is the event's time in seconds after a fixed moment. */
interface Stamp {
  readonly eventId?: string;
  readonly at?: number;
}

const T0 = Date.UTC(2026, 0, 1);
const NOW = Date.UTC(2027, 0, 1);
const LIMITS = { maxEventBytes: 262_144, maxClockAheadMs: 3_600_000, unknownTypes: 'dead' } as const;
/** An hour, so that within a test a parked letter is due only if something woke it. */
const NOT_BY_ITSELF_MS = 3_600_000;

let built = 0;

export function user(userId: string, change: Stamp & { email?: string; name?: string } = {}): EventJson {
  const { eventId, at, ...rest } = change;
  return event('UserCreated', { eventId, at }, { userId, email: `${userId}@example.com`, name: 'Ada', ...rest });
}

export interface Item {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPrice: string;
}

export function order(
  orderId: string,
  userId: string,
  change: Stamp & { currency?: string; totalAmount?: string; items?: readonly Item[] } = {},
): EventJson {
  const { eventId, at, ...rest } = change;
  const items = [{ sku: 's1', quantity: 1, unitPrice: '10.00' }];
  return event(
    'OrderPlaced',
    { eventId, at },
    { orderId, userId, currency: 'EUR', totalAmount: '10.00', items, ...rest },
  );
}

export function payment(
  paymentId: string,
  orderId: string,
  change: Stamp & { amount?: string; currency?: string; method?: string } = {},
): EventJson {
  const { eventId, at, ...rest } = change;
  const payload = { paymentId, orderId, amount: '10.00', currency: 'EUR', method: 'card', ...rest };
  return event('PaymentSettled', { eventId, at }, payload);
}

export function adjustment(sku: string, delta: number, { eventId, at }: Stamp = {}): EventJson {
  return event('InventoryAdjusted', { eventId, at }, { sku, delta, reason: 'count' });
}

/** 'YYYY-MM-DDTHH:mm:ss.SSSZ' of an event built with `at`. */
export function timeAt(at: number): string {
  return new Date(T0 + at * 1000).toISOString();
}

function event(
  eventType: string,
  { eventId, at = 0 }: { eventId: string | undefined; at: number | undefined },
  payload: EventJson['payload'],
): EventJson {
  built += 1;
  return { eventId: eventId ?? `event-${built}`, eventType, version: 1, occurredAt: timeAt(at), payload };
}

/** Records of a partition from an offset on. Their timestamps count up with the offset. */
export function logRecords(
  sent: readonly Sent[],
  place: { topic: string; partition: number; offset: bigint },
): LogRecord[] {
  return sent.map((record, n) => ({
    topic: place.topic,
    partition: place.partition,
    offset: place.offset + BigInt(n),
    timestamp: T0 + Number(place.offset) + n,
    ...bytesOf(record),
  }));
}

export function bytesOf(sent: Sent): Pick<LogRecord, 'key' | 'value' | 'headers'> {
  if ('eventId' in sent) return { key: null, value: encodeEvent(sent), headers: [] };
  return { key: sent.key, value: sent.value, headers: sent.headers ?? [] };
}

export function decode(record: LogRecord): Decoded {
  return decodeRecord(record, LIMITS, NOW);
}

/** The stretch of a partition that these records are, read from a position on. */
export function logBatch(log: KnownLog, partition: number, expected: bigint, sent: readonly Sent[]): LogBatch {
  const received = logRecords(sent, { topic: log.topic, partition, offset: expected });
  return {
    from: 'log',
    log,
    partition,
    expected,
    next: expected + BigInt(sent.length),
    previousTimestamp: received.at(-1)?.timestamp ?? T0,
    records: markTwins(received.map(decode)).map((record, n) => ({ ...record, received: received[n] as LogRecord })),
    retryInMs: NOT_BY_ITSELF_MS,
  };
}

/** Letters tried again, by a person unless told otherwise. */
export function letterBatch(
  letters: readonly OpenLetter[],
  how: Partial<Pick<LetterBatch, 'action' | 'dryRun'> & Pick<LetterAttempt, 'expired' | 'edit' | 'retryInMs'>> = {},
): LetterBatch {
  const { action = 'redrive', dryRun = false, expired = false, edit = null, retryInMs = NOT_BY_ITSELF_MS } = how;
  const contents = letters.map(({ received }) => decode({ ...received, ...edit }));
  const records = markTwins(contents).map((record: BatchRecord, n): LetterAttempt => {
    const { id, revision, waitingFor } = letters[n] as OpenLetter;
    return { ...record, id, revision, waitingFor, retryInMs, expired, edit };
  });
  return { from: 'letters', action, dryRun, records, by: { actor: 'somebody', note: 'a note' } };
}

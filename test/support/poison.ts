/** A record as it is sent to the log. */
export interface SentRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** A record that must become a dead letter with `reason`, if it is sent once the `preceding` ones have been applied. */
export interface Poison {
  readonly reason: string;
  /** What is wrong with it, for people. */
  readonly describe: string;
  readonly preceding: readonly SentRecord[];
  readonly record: SentRecord;
}

/**
 * One record for each reason that a record can provoke by itself, in the order in which the checks come, then those
 * that need company: ID_CONFLICT, EMAIL_TAKEN and a missing parent. All ids contain `tag`: another tag, another set.
 */
export function poisonCatalogue(tag = 'poison', maxEventBytes = 262_144): Poison[] {
  return [...malformed(tag, maxEventBytes), ...invalid(tag), ...conflicting(tag)];
}

function malformed(tag: string, maxEventBytes: number): Poison[] {
  const tooLarge = { ...user(tag, 'large'), padding: 'x'.repeat(maxEventBytes) };
  const text = JSON.stringify(user(tag, 'broken'));
  return [
    alone('EMPTY_VALUE', 'a tombstone: no value at all', { key: bytes(`${tag}-empty`), value: null }),
    alone('TOO_LARGE', `more than ${maxEventBytes} bytes, otherwise valid`, sent(null, tooLarge)),
    alone('INVALID_UTF8', 'a byte of ISO 8859-1 inside a name', { key: null, value: inLatin1(user(tag, 'latin')) }),
    alone('INVALID_JSON', 'cut off in the middle', { key: null, value: bytes(text.slice(0, text.length / 2)) }),
  ];
}

function invalid(tag: string): Poison[] {
  const { eventId: _, ...anonymous } = user(tag, 'anonymous');
  const foreign = { ...user(tag, 'foreign'), eventType: 'ShipmentDelivered' };
  const next = { ...user(tag, 'next'), version: 2 };
  const future = { ...user(tag, 'future'), occurredAt: '2999-01-01T00:00:00.000Z' };
  return [
    alone('INVALID_ENVELOPE', 'no eventId', sent(null, anonymous)),
    alone('UNKNOWN_TYPE', 'an event of another system', sent(null, foreign)),
    alone('UNSUPPORTED_VERSION', 'version 2 of a type that has only version 1', sent(null, next)),
    alone('INVALID_PAYLOAD', 'an order without items', sent(null, order(tag, 'empty', { items: [] }))),
    alone('INVALID_TEXT', 'a NUL character in a name', sent(null, user(tag, 'nul', { name: 'Ada\u0000Lovelace' }))),
    alone('KEY_MISMATCH', 'the key names another user', sent(`${tag}-somebody-else`, user(tag, 'keyed'))),
    alone('OCCURRED_IN_FUTURE', 'it would make every later event stale for ever', sent(null, future)),
  ];
}

function conflicting(tag: string): Poison[] {
  const first = user(tag, 'first');
  const other = { ...first, payload: { ...first.payload, name: 'Somebody Else' } };
  const rival = user(tag, 'rival', { email: first.payload.email.toUpperCase() });
  return [
    {
      reason: 'ID_CONFLICT',
      describe: 'the id of an event that was applied, with another body',
      preceding: [sent(first.payload.userId, first)],
      record: sent(other.payload.userId, other),
    },
    {
      reason: 'EMAIL_TAKEN',
      describe: 'the e-mail of another user, in capitals',
      preceding: [sent(first.payload.userId, first)],
      record: sent(rival.payload.userId, rival),
    },
    alone('MISSING_REFERENCE', 'an order of a user who never comes', sent(null, order(tag, 'orphan'))),
  ];
}

function user(tag: string, name: string, change: { name?: string; email?: string } = {}) {
  const userId = `${tag}-${name}`;
  const payload = { userId, email: `${userId}@example.com`, name: 'Ada Lovelace', ...change };
  return { ...envelope('UserCreated', userId), payload };
}

function order(tag: string, name: string, change: { items?: readonly object[] } = {}) {
  const orderId = `${tag}-${name}`;
  const items = [{ sku: `${tag}-sku`, quantity: 1, unitPrice: '5.00' }];
  const payload = { orderId, userId: `${tag}-nobody`, currency: 'EUR', totalAmount: '5.00', items, ...change };
  return { ...envelope('OrderPlaced', orderId), payload };
}

function envelope(eventType: string, entityId: string) {
  return { eventId: `${entityId}-event`, eventType, version: 1, occurredAt: '2026-01-01T00:00:00.000Z' };
}

function alone(reason: string, describe: string, record: SentRecord): Poison {
  return { reason, describe, preceding: [], record };
}

function sent(key: string | null, event: object): SentRecord {
  return { key: key === null ? null : bytes(key), value: bytes(JSON.stringify(event)) };
}

function inLatin1(event: ReturnType<typeof user>): Uint8Array {
  const named = { ...event, payload: { ...event.payload, name: 'Andr\u00e9' } };
  return new Uint8Array(Buffer.from(JSON.stringify(named), 'latin1'));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

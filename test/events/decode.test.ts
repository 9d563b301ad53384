import { describe, expect, it } from 'vitest';
import {
  decodeRecord,
  EVENT_TYPES,
  encodeEvent,
  entityId,
  exampleEvent,
  recordKey,
  toRow,
} from '../../src/events/index.ts';
import { decode, event, LIMITS, NOW, utf8, verdict, withPayload } from './fixtures.ts';

const ORDER = JSON.stringify(event('OrderPlaced'));
/** The text of a valid order, with more JSON in front of its closing brace. */
const orderWith = (json: string) => `${ORDER.slice(0, -1)},${json}}`;
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const raw = (field: string, json: string) =>
  JSON.stringify(withPayload('UserCreated', { [field]: '@@' })).replace('"@@"', json);

describe('bytes', () => {
  const cases: Array<[name: string, value: Uint8Array | string | null, expected: string]> = [
    ['a tombstone', null, 'EMPTY_VALUE'],
    ['no bytes', new Uint8Array(), 'EMPTY_VALUE'],
    ['the largest size', ORDER.padEnd(LIMITS.maxEventBytes), 'event'],
    ['a byte more', ORDER.padEnd(LIMITS.maxEventBytes + 1), 'TOO_LARGE'],
    ['a megabyte of garbage', new Uint8Array(1024 * 1024).fill(0xff), 'TOO_LARGE'],
    ['a lone continuation byte', new Uint8Array([0x22, 0x80, 0x22]), 'INVALID_UTF8'],
    ['an overlong encoding', new Uint8Array([0x22, 0xc0, 0xaf, 0x22]), 'INVALID_UTF8'],
    ['an encoded surrogate', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), 'INVALID_UTF8'],
    ['a character cut off', new Uint8Array([0x22, 0xe2, 0x82]), 'INVALID_UTF8'],
    ['UTF-16', new Uint8Array(Buffer.from(ORDER, 'utf16le')), 'INVALID_JSON'],
    ['a byte order mark', `\ufeff${ORDER}`, 'event'],
    ['two byte order marks', `\ufeff\ufeff${ORDER}`, 'INVALID_JSON'],
    ['only a byte order mark', '\ufeff', 'INVALID_JSON'],
    ['white space', '  ', 'INVALID_JSON'],
    ['half an event', ORDER.slice(0, -1), 'INVALID_JSON'],
    ['two events', ORDER + ORDER, 'INVALID_JSON'],
    ['a comment', `${ORDER}//`, 'INVALID_JSON'],
    ['NaN', orderWith('"x":NaN'), 'INVALID_JSON'],
    ['a raw NUL in a text', orderWith('"x":"\0"'), 'INVALID_JSON'],
    ['a bare word', 'hello', 'INVALID_JSON'],
    ['null', 'null', 'INVALID_ENVELOPE'],
    ['a number', '1e400', 'INVALID_ENVELOPE'],
    ['a text', '"x"', 'INVALID_ENVELOPE'],
    ['a list', `[${ORDER}]`, 'INVALID_ENVELOPE'],
    ['64 levels', orderWith(`"x":${nested(63)}`), 'event'],
    ['65 levels', orderWith(`"x":${nested(64)}`), 'INVALID_JSON'],
    ['64 levels of objects', orderWith(`"x":${'{"a":'.repeat(62)}{}${'}'.repeat(62)}`), 'event'],
    ['65 levels of objects', orderWith(`"x":${'{"a":'.repeat(63)}{}${'}'.repeat(63)}`), 'INVALID_JSON'],
    ['130,000 levels', nested(130_000), 'INVALID_JSON'],
    ['262,144 open brackets', '['.repeat(262_144), 'INVALID_JSON'],
    ['brackets in a text', orderWith(`"x":"${'['.repeat(100)}"`), 'event'],
    ['a key given twice, of which the last counts', orderWith('"eventType":"Foreign"'), 'UNKNOWN_TYPE eventType'],
    ['a __proto__ key', orderWith('"__proto__":{"eventId":"x"}'), 'event'],
    ['fields only by __proto__', `{"__proto__":${ORDER}}`, 'INVALID_ENVELOPE eventId'],
    ['NUL and lone surrogates in unknown fields', orderWith('"x":"\\u0000\\ud800","\\udfff":1'), 'event'],
    ['numbers out of range in unknown fields', orderWith('"x":[1e400,-1e400,1e-400,123456789012345678901]'), 'event'],
  ];

  it.each(cases)('%s', (_, value, expected) => {
    const bytes = typeof value === 'string' ? utf8(value) : value;
    expect(verdict(decodeRecord({ key: null, value: bytes, headers: [] }, LIMITS, NOW))).toBe(expected);
  });

  it('invalid bytes do not disturb the record after them', () => {
    decode(new Uint8Array([0xe2, 0x82]));
    expect(verdict(decode(ORDER))).toBe('event');
  });
});

describe('text that databases keep differently', () => {
  it.each(['userId', 'email', 'name'])('is refused in payload.%s', (field) => {
    for (const json of ['"a\\u0000@b"', '"a\\ud800@b"', '"\\udc00a@b"', '"a@\\udc00\\ud800b"']) {
      expect(verdict(decode(raw(field, json)))).toBe(`INVALID_TEXT payload.${field}`);
    }
  });

  it('is not a whole pair of surrogates, nor any other control character', () => {
    expect(verdict(decode(raw('name', '"\\ud83d\\ude00\\u0001\\u2028"')))).toBe('event');
  });

  it('is an envelope fault in the event id', () => {
    expect(verdict(decode(event('UserCreated', { eventId: 'a\0' })))).toBe('INVALID_ENVELOPE eventId');
  });
});

describe('the first fault in the order of the reasons counts', () => {
  const faults: Array<[changes: Record<string, unknown>, expected: string]> = [
    [{ eventId: '', eventType: 'Foreign', version: 2, payload: {} }, 'INVALID_ENVELOPE eventId'],
    [{ eventType: 'Foreign', version: 2, payload: {} }, 'UNKNOWN_TYPE eventType'],
    [{ version: 2, payload: {}, occurredAt: '2099-01-01T00:00:00Z' }, 'UNSUPPORTED_VERSION version'],
    [{ payload: {}, version: 2, occurredAt: 'yesterday' }, 'INVALID_ENVELOPE occurredAt'],
    [{ payload: {}, occurredAt: '2099-01-01T00:00:00Z' }, 'INVALID_PAYLOAD payload.userId'],
    [{ occurredAt: '2099-01-01T00:00:00Z' }, 'KEY_MISMATCH'],
  ];

  it.each(faults)('%j', (changes, expected) => {
    expect(verdict(decode(event('UserCreated', changes), { key: 'other' }))).toBe(expected);
  });

  it('a time too far ahead is the last', () => {
    const late = event('UserCreated', { occurredAt: '2099-01-01T00:00:00Z' });
    expect(verdict(decode(late, { key: 'user-1' }))).toBe('OCCURRED_IN_FUTURE occurredAt');
  });
});

describe('record keys', () => {
  it.each(EVENT_TYPES)('of %s: none or the own one is accepted, any other contradicts', (eventType) => {
    const sent = exampleEvent(eventType);
    const key = eventType === 'PaymentSettled' ? 'order-1' : undefined;
    const decoded = decode(sent);
    if (decoded.kind !== 'event') throw new Error(verdict(decoded));
    const own = recordKey(decoded.event);
    if (key !== undefined) expect(own).toBe(key);
    expect(verdict(decode(sent, { key: own }))).toBe('event');
    for (const other of ['', own.toUpperCase().concat('x'), own.slice(0, -1), `${own}1`, `x${own.slice(1)}`]) {
      expect(verdict(decode(sent, { key: other }))).toBe('KEY_MISMATCH');
    }
  });
});

it.each([
  ['UserCreated', 'user-1'],
  ['OrderPlaced', 'order-1'],
  ['PaymentSettled', 'payment-1'],
  ['InventoryAdjusted', 'MUG-350'],
] as const)('the entity of %s is %s', (eventType, id) => {
  const decoded = decode(exampleEvent(eventType));
  expect(decoded.kind === 'event' && entityId(decoded.event)).toBe(id);
});

describe('a rejection', () => {
  const rejectionOf = (value: unknown) => {
    const decoded = decode(value);
    if (decoded.kind !== 'rejection') throw new Error(decoded.kind);
    return decoded.rejection;
  };

  it('tells the ids that are readable and valid', () => {
    expect(rejectionOf(withPayload('PaymentSettled', { amount: 0 }))).toMatchObject({
      eventId: exampleEvent('PaymentSettled').eventId,
      eventType: 'PaymentSettled',
      entityId: 'payment-1',
      path: 'payload.amount',
    });
    const bad = { eventId: 'a b', eventType: 'x'.repeat(65), payload: { userId: 'u1' } };
    expect(rejectionOf(bad)).toMatchObject({ eventId: null, eventType: null, entityId: null });
    expect(rejectionOf(event('UserCreated', { eventType: 'Foreign' }))).toMatchObject({ eventType: 'Foreign' });
  });

  it('names the place within a list', () => {
    const items = [...exampleEvent('OrderPlaced').payload.items.slice(0, 1), { sku: 'a', quantity: 0, unitPrice: 1 }];
    expect(rejectionOf(withPayload('OrderPlaced', { items })).path).toBe('payload.items[1].quantity');
  });

  it('never quotes what was sent', () => {
    const secret = 'ann.secret';
    const values = [
      ...['eventId', 'eventType', 'version', 'occurredAt'].map((f) => event('UserCreated', { [f]: `${secret} ` })),
      ...['userId', 'email', 'name'].map((f) => withPayload('UserCreated', { [f]: `${secret} \0` })),
      `{"email":"${secret}",x}`,
      `{"email":"${secret}`,
      secret,
    ];
    for (const value of values) {
      const { message } = rejectionOf(value);
      expect(message).not.toContain(secret);
      expect(message.length).toBeLessThanOrEqual(500);
    }
  });

  it('says what is missing and what it should be', () => {
    const { message } = rejectionOf(withPayload('UserCreated', { name: undefined }));
    expect(message).toBe('payload.name is missing, must be a text of 1 to 200 characters, counted in UTF-16 units');
  });
});

describe('an unknown type', () => {
  const foreign = event('UserCreated', { eventType: 'Foreign', version: 7, payload: { any: 'thing' } });

  it('is ignored where so configured, and only then', () => {
    expect(decode(foreign, { limits: { ...LIMITS, unknownTypes: 'ignore' } })).toEqual({
      kind: 'ignored',
      eventType: null,
      eventId: foreign['eventId'],
    });
    expect(verdict(decode(foreign))).toBe('UNKNOWN_TYPE eventType');
  });

  it.each(['constructor', '__proto__', 'toString', 'usercreated', ''])('may be called %j', (eventType) => {
    expect(verdict(decode({ ...foreign, eventType }))).toBe('UNKNOWN_TYPE eventType');
  });
});

describe('a decoded event', () => {
  it.each(EVENT_TYPES)('%s reads back what was sent', (eventType) => {
    const sent = exampleEvent(eventType);
    expect(decode(encodeEvent(sent))).toMatchObject({ kind: 'event', event: sent });
  });

  it('is normalised: version, time in UTC, money as decimal text, unknown fields gone', () => {
    const sent = withPayload('OrderPlaced', {
      totalAmount: 1e3,
      more: 1,
      items: [{ sku: 'a', quantity: 1, unitPrice: 0.5 }],
    });
    const decoded = decode({ ...sent, version: undefined, occurredAt: '2026-11-20t12:15:30.1239+02:00' });
    expect(decoded).toMatchObject({ event: { version: 1, occurredAt: '2026-11-20T10:15:30.123Z' } });
    expect(decoded.kind === 'event' && decoded.event.payload).toEqual({
      orderId: 'order-1',
      userId: 'user-1',
      currency: 'EUR',
      totalAmount: '1000',
      items: [{ sku: 'a', quantity: 1, unitPrice: '0.5' }],
    });
  });

  it('gives the row of a user the e-mail and its unique form', () => {
    const payload = { userId: 'u', email: 'ÅNN@Example.COM'.normalize('NFD'), name: 'Ann' };
    expect(toRow({ eventType: 'UserCreated', payload })).toEqual({ ...payload, emailKey: 'ånn@example.com' });
  });

  it('keeps a valid traceparent header and no other', () => {
    const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const traced = (...headers: Array<[string, string]>) => {
      const pairs = headers.map(([name, value]) => [name, utf8(value)] as const);
      const decoded = decodeRecord({ key: null, value: utf8(ORDER), headers: pairs }, LIMITS, NOW);
      return decoded.kind === 'event' ? decoded.event.traceparent : verdict(decoded);
    };
    expect(traced(['other', 'x'], ['traceparent', valid])).toBe(valid);
    expect(traced()).toBeNull();
    expect(traced(['traceparent', `${valid}\n`])).toBeNull();
    expect(traced(['traceparent', valid.toUpperCase()])).toBeNull();
    expect(traced(['traceparent', valid.replace(/-[^-]{16}-/, '-0000000000000000-')])).toBeNull();
  });
});

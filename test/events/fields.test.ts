import { describe, expect, it } from 'vitest';
import { type EventType, emailKey, exampleEvent } from '../../src/events/index.ts';
import { decode, event, verdict, withPayload } from './fixtures.ts';

const item = { sku: 'a', quantity: 1, unitPrice: '1' };
const items = (count: number) => Array.from({ length: count }, () => item);

/** Every field of every payload: what is just within its limits, and what is just beyond. */
const FIELDS: Array<[type: EventType, field: string, valid: unknown[], invalid: unknown[]]> = [
  [
    'UserCreated',
    'userId',
    ['a', '0', 'Z~!"%/', 'a'.repeat(64)],
    ['', '-a', ' a', 'a b', 'é', 'a\u007f', 'a'.repeat(65), 1, null, undefined],
  ],
  [
    'UserCreated',
    'email',
    ['a@b', `${'😀'.repeat(126)}@b`, `${'a'.repeat(252)}@b`, '😀@b'],
    [
      '',
      'a',
      '@b',
      'a@',
      'a b@c',
      'a\u00a0@b',
      'a@b\u0085',
      'a@b\n',
      `${'a'.repeat(253)}@b`,
      `${'😀'.repeat(127)}@b`,
      // 402 units, but 202 code points, and 202 units in NFC.
      `${'\u{11099}\u{110ba}'.repeat(100)}@b`,
      `${'İ'.repeat(127)}@${'İ'.repeat(50)}`,
      null,
      undefined,
    ],
  ],
  [
    'UserCreated',
    'name',
    ['x', ' ', 'x'.repeat(200), '😀'.repeat(100)],
    ['', 'x'.repeat(201), '😀'.repeat(101), 1, null, undefined],
  ],
  ['OrderPlaced', 'orderId', ['a'], ['', undefined]],
  ['OrderPlaced', 'userId', ['a'], ['', undefined]],
  ['OrderPlaced', 'currency', ['EUR', 'XXX'], ['eur', 'EU', 'EURO', 'EUR\n', 978, undefined]],
  [
    'OrderPlaced',
    'totalAmount',
    ['0', '0.0000', 0, -0, '999999999999999.9999'],
    ['-1', -1, '', undefined, true, ['1']],
  ],
  ['OrderPlaced', 'items', [items(1), items(500)], [[], items(501), {}, null, undefined, [null], [[]]]],
  ['PaymentSettled', 'paymentId', ['a'], ['', undefined]],
  ['PaymentSettled', 'orderId', ['a'], ['', undefined]],
  ['PaymentSettled', 'amount', ['0.0001', 0.0001, 1], ['0', '0.0000', 0, -0, -1, undefined]],
  ['PaymentSettled', 'currency', ['EUR'], ['Eur']],
  ['PaymentSettled', 'method', ['x', 'x'.repeat(50)], ['', 'x'.repeat(51), undefined]],
  ['InventoryAdjusted', 'sku', ['a'], ['', undefined]],
  ['InventoryAdjusted', 'delta', [1, -1, 1e9, -1e9], [0, -0, 1e9 + 1, -1e9 - 1, 0.5, '1', 1e21, null, undefined]],
  ['InventoryAdjusted', 'reason', ['x', 'x'.repeat(200)], ['', 'x'.repeat(201), undefined]],
];

describe.each(FIELDS)('%s.%s', (type, field, valid, invalid) => {
  it.each(valid.map((value) => [value]))('accepts %j', (value) => {
    expect(verdict(decode(withPayload(type, { [field]: value })))).toBe('event');
  });

  it.each(invalid.map((value) => [value]))('refuses %j', (value) => {
    expect(verdict(decode(withPayload(type, { [field]: value })))).toMatch(
      new RegExp(`^INVALID_PAYLOAD payload\\.${field}(\\[0\\])?$`),
    );
  });
});

describe('items', () => {
  const cases: Array<[changes: Record<string, unknown>, expected: string]> = [
    [{ quantity: 1_000_000, unitPrice: '0' }, 'event'],
    [{ sku: '' }, 'INVALID_PAYLOAD payload.items[0].sku'],
    [{ quantity: 0 }, 'INVALID_PAYLOAD payload.items[0].quantity'],
    [{ quantity: 1_000_001 }, 'INVALID_PAYLOAD payload.items[0].quantity'],
    [{ quantity: 1.5 }, 'INVALID_PAYLOAD payload.items[0].quantity'],
    [{ quantity: '1' }, 'INVALID_PAYLOAD payload.items[0].quantity'],
    [{ unitPrice: -0.01 }, 'INVALID_PAYLOAD payload.items[0].unitPrice'],
    [{ sku: '\ud800' }, 'INVALID_TEXT payload.items[0].sku'],
  ];

  it.each(cases)('%j', (changes, expected) => {
    expect(verdict(decode(withPayload('OrderPlaced', { items: [{ ...item, ...changes }] })))).toBe(expected);
  });
});

describe('money', () => {
  const amountOf = (json: string) => {
    const text = JSON.stringify(withPayload('PaymentSettled', { amount: '@@' })).replace('"@@"', json);
    const decoded = decode(text);
    return decoded.kind === 'event' && decoded.event.eventType === 'PaymentSettled'
      ? decoded.event.payload.amount
      : verdict(decoded);
  };
  const REFUSED = 'INVALID_PAYLOAD payload.amount';

  it.each([
    ['"5"', '5'],
    ['"5.00"', '5.00'],
    ['"0.1"', '0.1'],
    ['"123456789012345.6789"', '123456789012345.6789'],
    ['5.10', '5.1'],
    ['1e3', '1000'],
    ['1E-4', '0.0001'],
    ['999999999999999', '999999999999999'],
    ['99999999999.9999', '99999999999.9999'],
    ['100000000000000', '100000000000000'],
    ['0.1000000000000000055', '0.1'],
  ])('%s is %s', (json, expected) => {
    expect(amountOf(json)).toBe(expected);
  });

  it.each([
    ['"05"'],
    ['"+5"'],
    ['"5."'],
    ['".5"'],
    ['"1e3"'],
    ['"1,5"'],
    ['" 5"'],
    ['"5\\n"'],
    ['"٥"'],
    ['"1.00000"'],
    ['"1234567890123456"'],
    ['1e15'],
    ['1e21'],
    ['1e400'],
    ['-1e400'],
    ['1e-5'],
    ['1e-7'],
    ['0.30000000000000004'],
    ['123456789012.3456'],
    ['9007199254740993'],
    ['true'],
    ['{}'],
  ])('%s is refused', (json) => {
    expect(amountOf(json)).toBe(REFUSED);
  });
});

describe('the envelope', () => {
  const cases: Array<[field: string, valid: unknown[], invalid: unknown[]]> = [
    ['eventId', ['a', 'a'.repeat(64), 'processed-1'], ['', 'a'.repeat(65), 'processed', 'é', 1, null, undefined]],
    ['version', [1, undefined], [0, -1, 1.5, '1', null]],
    ['eventType', [], [1, null, ['UserCreated'], undefined]],
    ['payload', [], [null, [], 'x', 1, undefined]],
  ];

  it.each(cases)('%s', (field, valid, invalid) => {
    for (const value of valid) expect(verdict(decode(event('UserCreated', { [field]: value })))).toBe('event');
    for (const value of invalid) {
      expect(verdict(decode(event('UserCreated', { [field]: value })))).toBe(`INVALID_ENVELOPE ${field}`);
    }
  });

  it.each([2, 1e15])('version %d is not supported', (version) => {
    expect(verdict(decode(event('UserCreated', { version })))).toBe('UNSUPPORTED_VERSION version');
  });
});

describe('occurredAt', () => {
  const timeOf = (occurredAt: unknown) => {
    const decoded = decode(event('UserCreated', { occurredAt }));
    return decoded.kind === 'event' ? decoded.event.occurredAt : verdict(decoded);
  };

  it.each([
    ['2026-11-20T10:15:30Z', '2026-11-20T10:15:30.000Z'],
    ['2026-11-20t10:15:30z', '2026-11-20T10:15:30.000Z'],
    ['2026-11-20T10:15:30.1Z', '2026-11-20T10:15:30.100Z'],
    ['2026-11-20T10:15:30.12Z', '2026-11-20T10:15:30.120Z'],
    ['2026-11-20T10:15:30.01+00:00', '2026-11-20T10:15:30.010Z'],
    ['2026-11-20T10:15:30.123z', '2026-11-20T10:15:30.123Z'],
    ['2026-11-20t10:15:30.123Z', '2026-11-20T10:15:30.123Z'],
    ['2026-11-20T10:15:30.123999999Z', '2026-11-20T10:15:30.123Z'],
    ['2026-11-20T10:15:30+02:30', '2026-11-20T07:45:30.000Z'],
    ['2026-11-19T23:00:00-01:30', '2026-11-20T00:30:00.000Z'],
    ['2026-11-20T10:15:30-00:00', '2026-11-20T10:15:30.000Z'],
    ['2024-02-29T23:59:59.999Z', '2024-02-29T23:59:59.999Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
    ['2000-01-01T00:00:00.000Z', '2000-01-01T00:00:00.000Z'],
  ])('%s is %s', (sent, expected) => {
    expect(timeOf(sent)).toBe(expected);
  });

  it.each([
    ['2026-02-30T00:00:00Z'],
    ['2025-02-29T00:00:00Z'],
    ['2100-02-29T00:00:00Z'],
    ['2026-04-31T00:00:00Z'],
    ['2026-00-01T00:00:00Z'],
    ['2026-13-01T00:00:00Z'],
    ['2026-01-00T00:00:00Z'],
    ['2026-01-01T24:00:00Z'],
    ['2026-01-01T00:60:00Z'],
    ['2026-12-31T23:59:60Z'],
    ['2026-01-01T00:00:00+24:00'],
    ['2026-01-01T00:00:00+01:60'],
    ['2026-01-01T00:00:00+0100'],
    ['2026-01-01T00:00:00'],
    ['2026-01-01 00:00:00Z'],
    ['2026-01-01T00:00Z'],
    ['2026-01-01'],
    ['2026-01-01T00:00:00.Z'],
    ['2026-01-01T00:00:00.1234567890Z'],
    ['2026-01-01T00:00:00Z\n'],
    ['1999-12-31T23:59:59.999Z'],
    ['1999-12-31T23:30:00-01:00'],
    ['2000-01-01T00:30:00+01:00'],
    ['9998-12-31T23:30:00-01:00'],
    ['9999-01-01T00:30:00+01:00'],
    ['0000-01-01T00:00:00Z'],
    ['+002026-01-01T00:00:00Z'],
    [1763634930123],
    [null],
  ])('%s is refused', (sent) => {
    expect(timeOf(sent)).toBe('INVALID_ENVELOPE occurredAt');
  });

  it('a leap second is refused with its reason', () => {
    expect(decode(event('UserCreated', { occurredAt: '2016-12-31T23:59:60Z' }))).toMatchObject({
      rejection: { message: expect.stringContaining('leap second') },
    });
  });

  it('may be as far ahead of the clock as is allowed, and no millisecond more', () => {
    expect(timeOf('2026-11-21T01:00:00.000Z')).toBe('2026-11-21T01:00:00.000Z');
    expect(timeOf('2026-11-21T01:00:00.0009Z')).toBe('2026-11-21T01:00:00.000Z');
    expect(timeOf('2026-11-21T01:00:00.001Z')).toBe('OCCURRED_IN_FUTURE occurredAt');
    expect(timeOf('9998-12-31T23:59:59.999Z')).toBe('OCCURRED_IN_FUTURE occurredAt');
  });
});

describe('the unique form of an e-mail', () => {
  it('is one for composed and decomposed characters and for either case', () => {
    expect(emailKey('A\u030aNN@B')).toBe(emailKey('\u00e5nn@b'));
    expect(emailKey('J\u030cAN@B')).toBe(emailKey('\u01f0an@b'));
  });

  it('does not depend on the locale: I becomes i', () => {
    expect(emailKey('TITLE@B')).toBe('title@b');
  });

  it('is no longer than its column, even where lower case is longer', () => {
    const key = (count: number) => `${'İ'.repeat(count)}@${'b'.repeat(253 - 2 * count)}`;
    expect(emailKey(key(100))).toHaveLength(254);
    expect(verdict(decode(withPayload('UserCreated', { email: key(100) })))).toBe('event');
    expect(verdict(decode(withPayload('UserCreated', { email: `${key(100)}b` })))).toBe(
      'INVALID_PAYLOAD payload.email',
    );
  });
});

describe('the examples of the documentation', () => {
  it('are of users, orders, payments and stock that refer to each other', () => {
    expect(exampleEvent('OrderPlaced').payload.userId).toBe(exampleEvent('UserCreated').payload.userId);
    expect(exampleEvent('PaymentSettled').payload.orderId).toBe(exampleEvent('OrderPlaced').payload.orderId);
  });
});

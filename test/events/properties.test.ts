import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkEvent, decodeRecord, EVENT_TYPES, emailKey, encodeEvent, exampleEvent } from '../../src/events/index.ts';
import { decode, LIMITS, NOW, utf8, verdict } from './fixtures.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const sent = fc.constantFrom(...EVENT_TYPES).map((eventType) => exampleEvent(eventType) as unknown as Json);
const odd = fc.oneof(
  fc.constantFrom<Json>(null, '', '\0', '\ud800', 0, -1, 1.5, 1e21, 1e-7, '5.00', '2026-02-30T00:00:00Z', {}, [], 'a'),
  fc.jsonValue({ maxDepth: 3 }).map((value) => value as Json),
);
/** A valid event of which one value, anywhere, is replaced by another. */
const mutated = fc.tuple(sent, fc.nat(), odd).map(([event, n, value]) => replaceNth(event, n, value));

/** All places in a value: keys and indexes from the root. */
function places(value: Json, path: readonly string[] = []): Array<readonly string[]> {
  const inner = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [path, ...inner.flatMap(([key, child]) => places(child as Json, [...path, key]))];
}

function replaceNth(value: Json, n: number, replacement: Json): Json {
  const all = places(value);
  return replaceAt(value, all[n % all.length] ?? [], replacement);
}

function replaceAt(value: Json, [step, ...rest]: readonly string[], replacement: Json): Json {
  if (step === undefined) return replacement;
  const copy = structuredClone(value) as Record<string, Json>;
  copy[step] = replaceAt(copy[step] ?? null, rest, replacement);
  return copy as Json;
}

/** The same JSON with the keys of every object in the opposite order. */
function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

/** A value as it arrives: -0 is 0 by then. */
const received = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function hashOf(value: unknown): string {
  const decoded = decode(value);
  if (decoded.kind !== 'event') throw new Error(verdict(decoded));
  return decoded.event.bodyHash;
}

const withUnknown = fc.tuple(sent, fc.jsonValue({ maxDepth: 4 })).map(([event, extra]) => {
  const { payload, ...rest } = event as Record<string, Json>;
  return { ...rest, payload: { ...(payload as Record<string, Json>), extra: extra as Json } };
});

describe('decodeRecord never throws', () => {
  const decodes = (value: Uint8Array, key: Uint8Array | null = null) => {
    const decoded = decodeRecord({ key, value, headers: [['traceparent', value]] }, LIMITS, NOW);
    expect(['event', 'rejection']).toContain(decoded.kind);
    if (decoded.kind === 'rejection') expect(decoded.rejection.message.length).toBeLessThanOrEqual(500);
  };

  it('on any bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), fc.option(fc.uint8Array()), (value, key) => decodes(value, key)));
  });

  it('on any JSON', () => {
    fc.assert(fc.property(fc.json(), (json) => decodes(utf8(json))));
  });

  it('on a valid event with any value replaced', () => {
    fc.assert(
      fc.property(mutated, (value) => decodes(utf8(JSON.stringify(value)))),
      { numRuns: 1000 },
    );
  });

  it('on a valid event with any bytes changed or cut off', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 });
    fc.assert(
      fc.property(sent, flips, fc.nat(), (event, changes, cut) => {
        const bytes = utf8(JSON.stringify(event));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        decodes(bytes.subarray(0, bytes.length - (cut % 3)));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('checkEvent', () => {
  it('agrees with decodeRecord on what is valid, on the event, and on the first fault', () => {
    fc.assert(
      fc.property(mutated, (value) => {
        const decoded = decode(JSON.stringify(value));
        const checked = checkEvent(received(value), LIMITS, NOW);
        const expected = checked.ok
          ? { kind: 'event', event: checked.event }
          : {
              kind: 'rejection',
              rejection: { reason: checked.problems[0].reason, path: checked.problems[0].path || null },
            };
        expect(decoded).toMatchObject(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('agrees on size and depth', () => {
    const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    const event = exampleEvent('UserCreated');
    const bytes = JSON.stringify({ ...event, x: '' }).length;
    for (const x of [
      nested(63),
      nested(64),
      'x'.repeat(LIMITS.maxEventBytes - bytes),
      'x'.repeat(LIMITS.maxEventBytes - bytes + 1),
    ]) {
      const checked = checkEvent({ ...event, x }, LIMITS, NOW);
      expect(checked.ok ? 'event' : checked.problems[0].reason).toBe(verdict(decode({ ...event, x })));
    }
    expect(checkEvent(nested(100_000), LIMITS, NOW)).toMatchObject({ problems: [{ reason: 'INVALID_JSON' }] });
    expect(checkEvent(undefined, LIMITS, NOW).ok).toBe(false);
  });

  it('names every bad field at once, the most basic fault first', () => {
    const items = [{ sku: '', quantity: 0, unitPrice: 'x' }, 'no item'];
    const payload = { orderId: 'a\0', userId: 7, currency: 'eur', totalAmount: -1, items };
    const checked = checkEvent({ eventType: 'OrderPlaced', eventId: '', version: 3, payload }, LIMITS, NOW);
    expect(checked.ok ? [] : checked.problems.map(({ reason, path }) => `${reason} ${path}`)).toEqual([
      'INVALID_ENVELOPE eventId',
      'INVALID_ENVELOPE occurredAt',
      'UNSUPPORTED_VERSION version',
      'INVALID_PAYLOAD payload.userId',
      'INVALID_PAYLOAD payload.currency',
      'INVALID_PAYLOAD payload.totalAmount',
      'INVALID_PAYLOAD payload.items[0].sku',
      'INVALID_PAYLOAD payload.items[0].quantity',
      'INVALID_PAYLOAD payload.items[0].unitPrice',
      'INVALID_PAYLOAD payload.items[1]',
      'INVALID_TEXT payload.orderId',
    ]);
  });

  it('names no more than a hundred faults', () => {
    const payload = { ...exampleEvent('OrderPlaced').payload, items: Array(500).fill(0) };
    const checked = checkEvent({ ...exampleEvent('OrderPlaced'), payload }, LIMITS, NOW);
    expect(checked.ok ? 0 : checked.problems.length).toBe(100);
  });
});

describe('the body hash', () => {
  it('is the same for any order of keys and any white space', () => {
    fc.assert(
      fc.property(withUnknown, (event) => {
        expect(hashOf(JSON.stringify(reversed(event), null, '\t '))).toBe(hashOf(event));
      }),
    );
  });

  it('changes with any value of the payload, known or not', () => {
    fc.assert(
      fc.property(withUnknown, fc.jsonValue(), fc.jsonValue(), ({ payload, ...rest }, a, b) => {
        const hash = (extra: unknown) => hashOf({ ...rest, payload: { ...payload, extra } });
        expect(hash(a) === hash(b)).toBe(isDeepStrictEqual(received(a), received(b)));
      }),
    );
  });

  it('tells apart what JSON.stringify would not', () => {
    const hashes = [
      'null',
      '1e400',
      '-1e400',
      '"1e999"',
      '{"__proto__":1}',
      '{}',
      '"\\ud800"',
      '"\\udc00"',
      '"\\ufffd"',
    ];
    const of = (json: string) =>
      hashOf(JSON.stringify(exampleEvent('UserCreated')).replace('"name"', `"x":${json},"name"`));
    expect(new Set(hashes.map(of)).size).toBe(hashes.length);
  });

  it('takes a missing version for 1, and each number for its value', () => {
    const { version, ...rest } = exampleEvent('InventoryAdjusted');
    expect(hashOf(rest)).toBe(hashOf({ ...rest, version }));
    const json = JSON.stringify(rest);
    expect(hashOf(json.replace('240', '2.4e2'))).toBe(hashOf(json));
  });

  it('is of what was received: other text of the same instant or amount is another body', () => {
    const event = exampleEvent('PaymentSettled');
    const others = [
      { ...event, occurredAt: '2026-11-20T10:15:30.1230Z' },
      { ...event, payload: { ...event.payload, amount: '59.970' } },
      { ...event, payload: { ...event.payload, amount: 59.97 } },
    ];
    expect(new Set([event, ...others].map(hashOf)).size).toBe(4);
  });

  it('does not cover the event id, nor fields outside the body', () => {
    const event = exampleEvent('UserCreated');
    expect(hashOf({ ...event, eventId: 'other', extra: 1 })).toBe(hashOf(event));
  });

  it('is what it was in the first version: ledgers outlive a deployment', () => {
    expect(hashOf(exampleEvent('OrderPlaced'))).toBe('wdFCbHxYK7f1i6ApxiPvQKuGKkMancITYc3zqTbxDeo=');
  });
});

describe('normalisation is idempotent', () => {
  it('of events: what was decoded, sent again, decodes to the same', () => {
    fc.assert(
      fc.property(mutated, (value) => {
        const first = decode(JSON.stringify(value));
        if (first.kind !== 'event') return;
        const second = decode(encodeEvent(first.event));
        const { bodyHash: _, ...rest } = first.event;
        expect(second).toMatchObject({ kind: 'event', event: rest });
      }),
      { numRuns: 1000 },
    );
  });

  it('of e-mail addresses', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (email) => {
        expect(emailKey(emailKey(email))).toBe(emailKey(email));
      }),
    );
  });
});

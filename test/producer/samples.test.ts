import { describe, expect, it } from 'vitest';
import { decodeRecord, EVENT_TYPES, type Event, encodeEvent, recordKey } from '../../src/events/index.ts';
import { sampleEvents } from '../../src/producer/samples.ts';

const LIMITS = { maxEventBytes: 256 * 1024, maxClockAheadMs: 0, unknownTypes: 'dead' } as const;
const NOW = Date.parse('2026-02-01T00:00:00Z');

const bytesOf = (count: number, seed: string | number) =>
  sampleEvents({ count, seed }).map((event) => Buffer.from(encodeEvent(event)).toString());

function decoded(count: number, seed: string | number): Event[] {
  return sampleEvents({ count, seed }).map((event) => {
    const record = { key: Buffer.from(recordKey(event)), value: encodeEvent(event), headers: [] };
    const result = decodeRecord(record, LIMITS, NOW);
    if (result.kind !== 'event') throw new Error(JSON.stringify(result));
    return result.event;
  });
}

const cents = (decimal: string) => Math.round(Number(decimal) * 100);

describe('sample events', () => {
  it('are the same bytes for the same seed, and fewer are the first of more', () => {
    expect(bytesOf(200, 'demo')).toEqual(bytesOf(200, 'demo'));
    expect(bytesOf(50, 42)).toEqual(bytesOf(200, 42).slice(0, 50));
  });

  it('of another seed share neither event ids nor users, orders, payments and addresses', () => {
    const names = (seed: number) =>
      decoded(300, seed).flatMap((event) => [
        event.eventId,
        ...(event.eventType === 'InventoryAdjusted' ? [] : [recordKey(event)]),
        ...(event.eventType === 'UserCreated' ? [event.payload.email] : []),
      ]);
    const first = new Set(names(1));
    expect(names(2).filter((name) => first.has(name))).toEqual([]);
  });

  it('keep to the contract, have ids of their own and are of every type', () => {
    const events = decoded(2000, 'contract');
    expect(new Set(events.map((event) => event.eventId)).size).toBe(2000);
    expect(new Set(events.map((event) => event.eventType))).toEqual(new Set(EVENT_TYPES));
    for (const { eventId } of events) {
      expect(eventId).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    }
  });

  it('happen one after the other', () => {
    const times = decoded(500, 'times').map((event) => event.occurredAt);
    expect(times).toEqual([...new Set(times)].sort());
  });

  it('name only users and orders that came before, and no e-mail address twice', () => {
    const [users, orders, emails] = [new Set<string>(), new Set<string>(), new Set<string>()];
    for (const event of decoded(2000, 'relations')) {
      if (event.eventType === 'UserCreated') {
        users.add(event.payload.userId);
        expect(emails.has(event.payload.email)).toBe(false);
        emails.add(event.payload.email);
      } else if (event.eventType === 'OrderPlaced') {
        expect(users).toContain(event.payload.userId);
        orders.add(event.payload.orderId);
      } else if (event.eventType === 'PaymentSettled') expect(orders).toContain(event.payload.orderId);
    }
  });

  it('have orders that add up, and payments of all or a part of them, never of more', () => {
    const open = new Map<string, number>();
    for (const event of decoded(2000, 'money')) {
      if (event.eventType === 'OrderPlaced') {
        const { orderId, totalAmount, items } = event.payload;
        expect(items.length).toBeLessThanOrEqual(4);
        const sum = items.reduce((total, item) => total + item.quantity * cents(item.unitPrice), 0);
        expect(cents(totalAmount)).toBe(sum);
        open.set(orderId, sum);
      } else if (event.eventType === 'PaymentSettled') {
        const { orderId, amount } = event.payload;
        open.set(orderId, (open.get(orderId) ?? 0) - cents(amount));
      }
    }
    const rests = [...open.values()];
    expect(Math.min(...rests)).toBe(0);
    expect(Math.max(...rests)).toBeGreaterThan(0);
  });
});

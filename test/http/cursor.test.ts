import { expect, test } from 'vitest';
import { decodeCursor, encodeCursor, page } from '../../src/http/cursor.ts';

const key = { at: '2026-11-20T10:15:30.123Z', id: 'order-1' };
const isId = (text: string) => /^[\w-]{1,10}$/.test(text);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('a cursor brings back its key', () => {
  expect(decodeCursor('orders', encodeCursor('orders', key), isId)).toEqual(key);
});

test.each([
  ['of another list', encodeCursor('letters', key)],
  ['that is no base64', '%%%'],
  ['that is no JSON', 'AAAA'],
  ['that is empty', ''],
  ['with a number for a time', encode(['orders', 5, 'order-1'])],
  ['without an id', encode(['orders', key.at])],
  ['with a date that does not exist', encode(['orders', '2026-02-30T00:00:00.000Z', 'order-1'])],
  ['with a month that does not exist', encode(['orders', '2026-13-01T00:00:00.000Z', 'order-1'])],
  ['with the year 0', encode(['orders', '0000-01-01T00:00:00.000Z', 'order-1'])],
  ['with a time of another form', encode(['orders', 'infinity', 'order-1'])],
  ['with an id that cannot exist', encode(['orders', key.at, "'; drop table"])],
  ['with too many parts', encode(['orders', key.at, 'order-1', 1])],
  ['that is an object', encode({ at: key.at })],
  ['that is null', encode(null)],
  ['of unreasonable length', encodeCursor('orders', { at: key.at, id: 'x'.repeat(10_000) })],
])('a cursor %s is refused, before it reaches a database', (_what, cursor) => {
  expect(() => decodeCursor('orders', cursor, isId)).toThrowError(expect.objectContaining({ status: 400 }));
});

test('a page gives a cursor only if there is more', () => {
  const rule = { limit: 2, listing: 'orders' as const };
  const keyOf = (id: string) => ({ at: key.at, id });
  expect(page(['a', 'b'], rule, keyOf)).toEqual({ items: ['a', 'b'], next: null });
  const more = page(['a', 'b', 'c'], rule, keyOf);
  expect(more.items).toEqual(['a', 'b']);
  expect(decodeCursor('orders', more.next ?? '', isId)).toEqual({ at: key.at, id: 'b' });
});

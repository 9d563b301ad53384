import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrivalsOf, type History, historyArbitrary } from './arbitraries.ts';
import { checkDump } from './check-dump.ts';
import { canonicalRows, type Dump, type Rows } from './dump.ts';
import { expectedRows } from './fold.ts';
import { type Arrival, type EventJson, modelEvent } from './model-event.ts';
import { naiveDump } from './naive-store.ts';

const TABLES = ['users', 'orders', 'items', 'payments', 'inventory'] as const;
const plain = historyArbitrary({ emailRivalry: false, conflicts: false });
const rivalry = historyArbitrary({ emailRivalry: true, conflicts: false });
const anything = historyArbitrary({ emailRivalry: true, conflicts: true });

test('every dump of a store that keeps the contract passes, whatever it did where the contract leaves a choice', () => {
  fc.assert(
    fc.property(anything, (history) => {
      const arrivals = arrivalsIn(history);
      expect(checkDump(arrivals, naiveDump(arrivals))).toEqual([]);
      const backwards = arrivals.toReversed();
      expect(checkDump(arrivals, naiveDump(backwards))).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

test('without letter ids the winner of two bodies is found by trying', () => {
  fc.assert(
    fc.property(historyArbitrary({ emailRivalry: false, conflicts: true }), (history) => {
      const arrivals = arrivalsIn(history).map(withoutLetterId);
      expect(checkDump(arrivals, naiveDump(arrivals))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('the expected rows are what a store has in the end, in whatever order the records came', () => {
  fc.assert(
    fc.property(plain, (history) => {
      const arrivals = arrivalsIn(history);
      const expected = expectedRows(arrivals);
      expect(rowsOf(naiveDump(arrivals))).toEqual(expected);
      expect(rowsOf(naiveDump(arrivals.toReversed()))).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test('expected rows are refused where the contract leaves a choice', () => {
  const ada = user('u1', 'a@example.com', 1);
  expect(() => expectedRows([arrived(ada), arrived(user('u2', 'A@example.com', 2))])).toThrow('name one e-mail');
  const renamed = { ...ada, payload: { ...ada.payload, name: 'Grace' } };
  expect(() => expectedRows([arrived(ada), arrived(renamed)])).toThrow('two bodies');
});

test('any row lost or changed in any column is found', () => {
  fc.assert(
    fc.property(rivalry, (history) => {
      const arrivals = arrivalsIn(history);
      for (const damaged of damagedRows(naiveDump(arrivals))) expect(checkDump(arrivals, damaged)).not.toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test('any ledger row or unresolved letter lost, or there twice, is found', () => {
  fc.assert(
    fc.property(anything, (history) => {
      const arrivals = arrivalsIn(history);
      const dump = naiveDump(arrivals);
      for (const row of dump.ledger) {
        expect(checkDump(arrivals, { ...dump, ledger: dump.ledger.filter((one) => one !== row) })).not.toEqual([]);
        expect(checkDump(arrivals, { ...dump, ledger: [...dump.ledger, row] })).not.toEqual([]);
      }
      for (const letter of dump.letters.filter(({ state }) => state !== 'resolved')) {
        expect(checkDump(arrivals, { ...dump, letters: dump.letters.filter((one) => one !== letter) })).not.toEqual([]);
        expect(checkDump(arrivals, { ...dump, letters: [...dump.letters, letter] })).not.toEqual([]);
      }
    }),
    { numRuns: 100 },
  );
});

/** Two versions of everything, an order and a payment that wait for ever, a refused e-mail and a rejected record. */
const SCENE: readonly Arrival[] = [
  arrived(user('u1', 'ada@example.com', 1), 0),
  arrived(user('u1', 'ada@example.com', 2), 1),
  arrived(user('u2', 'grace@example.com', 1), 2),
  arrived(user('u3', 'ADA@example.com', 3), 3),
  arrived(order('o1', 'u1', 1), 4),
  arrived(order('o1', 'u2', 2), 5),
  arrived(order('o2', 'u3', 1), 6),
  arrived(payment('p1', 'o1', 1), 7),
  arrived(payment('p2', 'o2', 1), 8),
  arrived(adjustment('s1', 5), 9),
  arrived(adjustment('s1', 5), 10),
  { rejected: 'INVALID_JSON', letterId: 't:0:11' },
];
const GOOD = naiveDump(SCENE);

test('a correct dump has no violation, and looks as one would write it by hand', () => {
  expect(checkDump(SCENE, GOOD)).toEqual([]);
  expect(GOOD.users.map((row) => [row.userId, row.eventId])).toEqual([
    ['u1', 'u1-2'],
    ['u2', 'u2-1'],
  ]);
  expect(GOOD.orders.map((row) => [row.orderId, row.userId, row.totalAmount])).toEqual([['o1', 'u2', '10.0000']]);
  expect(GOOD.inventory).toEqual([{ sku: 's1', quantity: '5', lastAdjustedAt: '2026-01-01T00:00:01.000Z' }]);
  expect(GOOD.letters.map((row) => `${row.id} ${row.state} ${row.reason} ${row.waitingFor}`)).toEqual([
    't:0:11 dead INVALID_JSON null',
    't:0:3 dead EMAIL_TAKEN email:ada@example.com',
    't:0:6 parked MISSING_REFERENCE user:u3',
    't:0:8 parked MISSING_REFERENCE order:o2',
  ]);
});

const olderUser = { ...at(GOOD.users, 0), occurredAt: '2026-01-01T00:00:01.000Z', eventId: 'u1-1' };
const olderOrder = { ...at(GOOD.orders, 0), userId: 'u1', occurredAt: '2026-01-01T00:00:01.000Z', eventId: 'o1-1' };

test.each<[fault: string, dump: Partial<Dump>, violation: string]>([
  ['an older event shows', { users: [olderUser, at(GOOD.users, 1)] }, 'user u1: eventId is u1-1'],
  [
    'an older event shows, called the newest',
    { orders: [olderOrder], ledger: outcome('o1-2', 'stale') },
    'o1-2 is stale',
  ],
  ['a delta is counted twice', { inventory: [{ ...at(GOOD.inventory, 0), quantity: '10' }] }, 'quantity is 10'],
  ['a delta is skipped', { inventory: [], ledger: outcome('s1-5', 'stale') }, 'adjustment s1-5 is stale'],
  ['an event is lost', { ledger: GOOD.ledger.filter((row) => row.eventId !== 's1-5'), inventory: [] }, 's1-5 is lost'],
  ['a rejected record is lost', { letters: GOOD.letters.slice(1) }, 'rejected as INVALID_JSON'],
  ['a record has another reason', { letters: letter(0, { reason: 'INVALID_UTF8' }) }, 'found: INVALID_UTF8'],
  ['two users share an e-mail', { users: [at(GOOD.users, 0), sharing()] }, 'users u1 and u2 share'],
  ['a payment is there without its order', { orders: [], items: [] }, 'payment p1 is there without its order o1'],
  ['an order is there without its user', { users: [at(GOOD.users, 0)] }, 'order o1 is there without its user u2'],
  ['the items of the older order stay', { items: [{ ...at(GOOD.items, 0), sku: 's1' }] }, 'item o1/1: sku is s1'],
  ['a line too many', { items: [...GOOD.items, { ...at(GOOD.items, 0), lineNo: '2' }] }, 'item o1/2 is there, but no'],
  ['a dead letter names a free e-mail', { users: [{ ...olderUser, email: 'x@y' }] }, 'it had to be woken'],
  ['a letter sleeps on though its parent came', { letters: letter(2, { waitingFor: 'user:u1' }) }, 'does not name'],
  [
    'an event is both applied and parked',
    { ledger: [...GOOD.ledger, applied('o2-1')] },
    'explains which of its records',
  ],
  ['a conflict without a second body', { letters: letter(1, { reason: 'ID_CONFLICT' }) }, 'only one body'],
  ['a refused e-mail is merely parked', { letters: letter(1, { state: 'parked' }) }, 'cannot be retried by itself'],
  ['the ledger knows what never came', { ledger: [...GOOD.ledger, applied('ghost')] }, 'never arrived'],
  ['a letter of no record', { letters: [...GOOD.letters, { ...at(GOOD.letters, 0), id: 't:9:9' }] }, 'no record that'],
])('found: %s', (_, change, violation) => {
  expect(checkDump(SCENE, { ...GOOD, ...change })).toContainEqual(expect.stringContaining(violation));
});

test('an order that waits for a user who is there had to be woken', () => {
  const late = [...SCENE, arrived(user('u3', 'free@example.com', 4), 12)];
  const users = [...GOOD.users, { ...olderUser, userId: 'u3', email: 'free@example.com' }];
  expect(checkDump(late, { ...GOOD, users })).toContainEqual(expect.stringContaining('user:u3 exists'));
});

test('two bodies under one id: either may win, but not both and not a mixture', () => {
  const first = adjustment('s1', 5);
  const other = { ...first, payload: { sku: 's1', delta: 7, reason: 'count' } };
  const arrivals = [arrived(first), arrived(other)];
  const dump = naiveDump(arrivals);
  expect(checkDump(arrivals, dump)).toEqual([]);
  const withQuantity = (quantity: string) => ({ ...dump, inventory: [{ ...at(dump.inventory, 0), quantity }] });
  expect(checkDump(arrivals, withQuantity('5'))).toEqual([]);
  expect(checkDump(arrivals, withQuantity('7'))).toEqual([]);
  expect(checkDump(arrivals, withQuantity('12'))).not.toEqual([]);
});

test('of two bodies the one whose record has no letter won, and the other one has a letter', () => {
  const first = adjustment('s1', 5);
  const other = { ...first, payload: { sku: 's1', delta: 7, reason: 'count' } };
  const arrivals = [arrived(first, 0), arrived(other, 1), arrived(first, 2)];
  const dump = naiveDump(arrivals);
  expect(checkDump(arrivals, dump)).toEqual([]);
  const inventory = [{ ...at(dump.inventory, 0), quantity: '7' }];
  expect(checkDump(arrivals, { ...dump, inventory })).toContainEqual(expect.stringContaining('quantity is 7'));
  const wrongRecord = [{ ...at(dump.letters, 0), id: 't:0:2' }];
  expect(checkDump(arrivals, { ...dump, letters: wrongRecord })).toContainEqual(
    expect.stringContaining('no body of it'),
  );
  const anonymous = arrivals.map(withoutLetterId);
  expect(checkDump(anonymous, { ...dump, letters: [] })).toContainEqual(expect.stringContaining('no body of it'));
});

test('an event is not both applied and parked, also where letters cannot be told apart', () => {
  const letters = [...GOOD.letters, { ...at(GOOD.letters, 3), id: 't:0:7', eventId: 'p1-1', waitingFor: 'order:o1' }];
  const violations = checkDump(SCENE.map(withoutLetterId), { ...GOOD, letters });
  expect(violations).toContainEqual(expect.stringContaining('p1-1 is accounted for twice'));
});

test('an order was not applied without its user, also if a later version has replaced it', () => {
  const arrivals = [...SCENE, arrived(order('o1', 'nobody', 0), 12)];
  const violations = checkDump(arrivals, { ...GOOD, ledger: [...GOOD.ledger, applied('o1-0')] });
  expect(violations).toEqual(['o1-0 was applied without its user:nobody']);
});

test('equal times are decided by the id, in code-unit order', () => {
  const named = (eventId: string) => arrived({ ...user('u1', 'a@example.com', 1), eventId });
  expect(expectedRows(['e', 'Z', 'e1', '9'].map(named)).users.map((row) => row.eventId)).toEqual(['e1']);
});

function arrivalsIn(history: History): Arrival[] {
  return arrivalsOf(history, (partition, offset) => `t:${partition}:${offset}`);
}

function withoutLetterId(arrival: Arrival): Arrival {
  const { letterId: _, ...rest } = arrival;
  return rest;
}

function rowsOf({ users, orders, items, payments, inventory }: Dump): Rows {
  return canonicalRows({ users, orders, items, payments, inventory });
}

/** Each row of each table left out, and each of its columns changed. */
function* damagedRows(dump: Dump): Generator<Dump> {
  for (const table of TABLES) {
    for (const row of dump[table]) {
      const others = (dump[table] as object[]).filter((other) => other !== row);
      yield { ...dump, [table]: others };
      for (const column of Object.keys(row)) yield { ...dump, [table]: [...others, { ...row, [column]: '77' }] };
    }
  }
}

function arrived(event: EventJson, offset?: number): Arrival {
  return { event: modelEvent(event), ...(offset === undefined ? {} : { letterId: `t:0:${offset}` }) };
}

function user(userId: string, email: string, second: number): EventJson {
  return { ...stamp('UserCreated', `${userId}-${second}`, second), payload: { userId, email, name: 'Ada' } };
}

function order(orderId: string, userId: string, second: number): EventJson {
  const items = [{ sku: `s${second}`, quantity: 1, unitPrice: 10 }];
  const payload = { orderId, userId, currency: 'EUR', totalAmount: '10.00', items };
  return { ...stamp('OrderPlaced', `${orderId}-${second}`, second), payload };
}

function payment(paymentId: string, orderId: string, second: number): EventJson {
  const payload = { paymentId, orderId, amount: '10', currency: 'EUR', method: 'card' };
  return { ...stamp('PaymentSettled', `${paymentId}-${second}`, second), payload };
}

function adjustment(sku: string, delta: number): EventJson {
  return { ...stamp('InventoryAdjusted', `${sku}-${delta}`, 1), payload: { sku, delta, reason: 'count' } };
}

function stamp(eventType: string, eventId: string, second: number) {
  return { eventId, eventType, occurredAt: `2026-01-01T00:00:0${second}Z` };
}

function at<T>(rows: readonly T[], index: number): T {
  const row = rows[index];
  if (row === undefined) throw new Error(`no row ${index}`);
  return row;
}

function outcome(eventId: string, outcome: string): Dump['ledger'] {
  return GOOD.ledger.map((row) => (row.eventId === eventId ? { ...row, outcome } : row));
}

function applied(eventId: string): Dump['ledger'][number] {
  return { eventId, outcome: 'applied' };
}

function letter(index: number, change: Partial<Dump['letters'][number]>): Dump['letters'] {
  return GOOD.letters.map((row, n) => (n === index ? { ...row, ...change } : row));
}

function sharing(): Dump['users'][number] {
  return { ...at(GOOD.users, 1), email: 'Ada@Example.com' };
}

import type { Dump, Rows } from '../dump.ts';
import { foldEvents } from '../fold.ts';
import { emailKeyOf, isNewer, type ModelEvent } from '../model-event.ts';

/** The five tables are what the applied events make of them, and no constraint between them is broken. */
export function checkRows(ledger: ReadonlyArray<{ event: ModelEvent; outcome: string }>, dump: Dump): string[] {
  const applied = ledger.filter(({ outcome }) => outcome === 'applied').map(({ event }) => event);
  return [
    ...checkAgainstApplied(
      foldEvents(applied, () => true),
      dump,
    ),
    ...checkStale(ledger, dump),
    ...checkParents(applied, dump),
    ...checkReferences(dump),
    ...checkEmails(dump),
  ];
}

/** Row by row, so that a violation names the row. */
function* checkAgainstApplied(expected: Rows, dump: Dump): Generator<string> {
  yield* differences('user', expected.users, dump.users, (row) => row.userId);
  yield* differences('order', expected.orders, dump.orders, (row) => row.orderId);
  yield* differences('item', expected.items, dump.items, (row) => `${row.orderId}/${row.lineNo}`);
  yield* differences('payment', expected.payments, dump.payments, (row) => row.paymentId);
  yield* differences('inventory', expected.inventory, dump.inventory, (row) => row.sku);
}

function* differences<T extends object>(
  what: string,
  expected: readonly T[],
  found: readonly T[],
  key: (row: T) => string,
): Generator<string> {
  const rest = new Map(expected.map((row) => [key(row), row]));
  const seen = new Set<string>();
  for (const row of found) {
    const wanted = rest.get(key(row));
    if (seen.has(key(row))) yield `${what} ${key(row)} is there twice`;
    else if (wanted === undefined) yield `${what} ${key(row)} is there, but no applied event made it`;
    else yield* differingFields(`${what} ${key(row)}`, wanted, row);
    seen.add(key(row));
  }
  for (const id of rest.keys()) if (!seen.has(id)) yield `${what} ${id} is missing, yet an event of it was applied`;
}

function* differingFields(what: string, expected: object, found: object): Generator<string> {
  const values = new Map(Object.entries(found));
  for (const [field, wanted] of Object.entries(expected)) {
    const value: unknown = values.get(field);
    if (value !== wanted) yield `${what}: ${field} is ${value}, the applied events say ${wanted}`;
  }
}

/** What was skipped as stale must be older than what the row shows; an adjustment is never stale. */
function* checkStale(ledger: ReadonlyArray<{ event: ModelEvent; outcome: string }>, dump: Dump): Generator<string> {
  const rows = rowsByEntity(dump);
  for (const { event, outcome } of ledger) {
    if (outcome !== 'stale') continue;
    const row = rows.get(event.entity);
    if (event.effect.table === 'inventory') yield `adjustment ${event.eventId} is stale, so its delta is lost`;
    else if (row === undefined) yield `${event.eventId} is stale, yet there is no ${event.entity}`;
    else if (!isNewer(row, event))
      yield `${event.eventId} is stale, yet ${event.entity} shows the older ${row.eventId}`;
  }
}

/** Rows of users and orders never go, so the parent of whatever was applied is there, also under a newer version. */
function* checkParents(applied: readonly ModelEvent[], dump: Dump): Generator<string> {
  const rows = rowsByEntity(dump);
  for (const { eventId, parent } of applied) {
    if (parent !== null && !rows.has(parent)) yield `${eventId} was applied without its ${parent}`;
  }
}

function rowsByEntity(dump: Dump): Map<string, { occurredAt: string; eventId: string }> {
  return new Map<string, { occurredAt: string; eventId: string }>([
    ...dump.users.map((row) => [`user:${row.userId}`, row] as const),
    ...dump.orders.map((row) => [`order:${row.orderId}`, row] as const),
    ...dump.payments.map((row) => [`payment:${row.paymentId}`, row] as const),
  ]);
}

function* checkReferences(dump: Dump): Generator<string> {
  const users = new Set(dump.users.map((row) => row.userId));
  const orders = new Set(dump.orders.map((row) => row.orderId));
  for (const { orderId, userId } of dump.orders) {
    if (!users.has(userId)) yield `order ${orderId} is there without its user ${userId}`;
  }
  for (const { paymentId, orderId } of dump.payments) {
    if (!orders.has(orderId)) yield `payment ${paymentId} is there without its order ${orderId}`;
  }
  for (const { orderId, lineNo } of dump.items) {
    if (!orders.has(orderId)) yield `item ${orderId}/${lineNo} is there without its order`;
  }
}

function* checkEmails(dump: Dump): Generator<string> {
  const holders = new Map<string, string>();
  for (const { email, userId } of dump.users) {
    const holder = holders.get(emailKeyOf(email));
    if (holder !== undefined) yield `users ${holder} and ${userId} share the e-mail ${email}`;
    holders.set(emailKeyOf(email), userId);
  }
}

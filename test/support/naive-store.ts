import { canonicalDump, type Dump, type LetterRow, type OrderRow, type PaymentRow, type UserRow } from './dump.ts';
import { type Arrival, emailKeyOf, isNewer, type ModelEvent } from './model-event.ts';

interface Failure {
  readonly status: 'parked' | 'dead';
  readonly reason: string;
  readonly waitingFor: string | null;
}

type Outcome = { readonly status: 'applied' | 'stale' | 'duplicate' } | Failure;

interface Letter {
  readonly id: string;
  readonly event: ModelEvent | null;
  row: LetterRow;
}

interface Tables {
  readonly ledger: Map<string, { readonly body: string; readonly outcome: string }>;
  /** By entity: the event whose row it is. */
  readonly rows: Map<string, ModelEvent>;
  readonly stock: Map<string, { quantity: bigint; lastAdjustedAt: string }>;
  readonly letters: Letter[];
}

/**
 * The contract in the plainest way: one record after the other, in memory, every open letter tried again until none
 * changes. It gives the dumps that the checker is tried on, and shares with it no more than the reading of events.
 */
export function naiveDump(arrivals: Iterable<Arrival>): Dump {
  const tables: Tables = { ledger: new Map(), rows: new Map(), stock: new Map(), letters: [] };
  let position = 0;
  for (const arrival of arrivals) {
    receive(tables, arrival, arrival.letterId ?? `naive:0:${position}`);
    position += 1;
  }
  while (retryAll(tables));
  return dumpOf(tables);
}

function receive(tables: Tables, arrival: Arrival, id: string): void {
  if ('rejected' in arrival) {
    const row = { id, state: 'dead', reason: arrival.rejected, eventId: null, waitingFor: null };
    tables.letters.push({ id, event: null, row });
    return;
  }
  const outcome = apply(tables, arrival.event);
  if (!('reason' in outcome)) return;
  tables.letters.push({ id, event: arrival.event, row: letterRow(id, arrival.event, outcome) });
}

/** Whether anything changed. */
function retryAll(tables: Tables): boolean {
  let changed = false;
  for (const letter of tables.letters) {
    if (letter.event === null || letter.row.state === 'resolved') continue;
    const outcome = apply(tables, letter.event);
    const { reason, state } = letter.row;
    letter.row =
      'reason' in outcome ? letterRow(letter.id, letter.event, outcome) : { ...letter.row, state: 'resolved' };
    changed ||= letter.row.reason !== reason || letter.row.state !== state;
  }
  return changed;
}

function letterRow(id: string, event: ModelEvent, failure: Failure): LetterRow {
  const { status, reason, waitingFor } = failure;
  return { id, state: status, reason, eventId: event.eventId, waitingFor };
}

function apply(tables: Tables, event: ModelEvent): Outcome {
  const known = tables.ledger.get(event.eventId);
  if (known !== undefined) {
    return known.body === event.body
      ? { status: 'duplicate' }
      : { status: 'dead', reason: 'ID_CONFLICT', waitingFor: null };
  }
  const outcome = changeTables(tables, event);
  if (!('reason' in outcome)) tables.ledger.set(event.eventId, { body: event.body, outcome: outcome.status });
  return outcome;
}

function changeTables({ rows, stock }: Tables, event: ModelEvent): Outcome {
  const { effect, parent } = event;
  if (effect.table === 'inventory') {
    const { quantity, lastAdjustedAt } = stock.get(effect.sku) ?? { quantity: 0n, lastAdjustedAt: event.occurredAt };
    const newest = event.occurredAt > lastAdjustedAt ? event.occurredAt : lastAdjustedAt;
    stock.set(effect.sku, { quantity: quantity + effect.delta, lastAdjustedAt: newest });
    return { status: 'applied' };
  }
  const row = rows.get(event.entity);
  if (row !== undefined && isNewer(row, event)) return { status: 'stale' };
  if (parent !== null && !rows.has(parent)) {
    return { status: 'parked', reason: 'MISSING_REFERENCE', waitingFor: parent };
  }
  if (effect.table === 'users' && isTaken(rows, effect.row)) {
    return { status: 'dead', reason: 'EMAIL_TAKEN', waitingFor: `email:${effect.emailKey}` };
  }
  rows.set(event.entity, event);
  return { status: 'applied' };
}

function isTaken(rows: ReadonlyMap<string, ModelEvent>, user: UserRow): boolean {
  return usersIn(rows).some((other) => {
    return other.userId !== user.userId && emailKeyOf(other.email) === emailKeyOf(user.email);
  });
}

function usersIn(rows: ReadonlyMap<string, ModelEvent>): UserRow[] {
  return [...rows.values()].flatMap(({ effect }) => (effect.table === 'users' ? [effect.row] : []));
}

function dumpOf({ ledger, rows, stock, letters }: Tables): Dump {
  const orders: OrderRow[] = [];
  const payments: PaymentRow[] = [];
  const items = [...rows.values()].flatMap(({ effect }) => {
    if (effect.table === 'payments') payments.push(effect.row);
    if (effect.table !== 'orders') return [];
    orders.push(effect.row);
    return effect.items;
  });
  const inventory = [...stock].map(([sku, row]) => ({ sku, ...row, quantity: row.quantity.toString() }));
  const ledgerRows = [...ledger].map(([eventId, { outcome }]) => ({ eventId, outcome }));
  const letterRows = letters.map(({ row }) => row);
  return canonicalDump({
    users: usersIn(rows),
    orders,
    items,
    payments,
    inventory,
    ledger: ledgerRows,
    letters: letterRows,
  });
}

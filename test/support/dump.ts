/**
 * What the tables hold, in a form that can be compared: all values are text, rows are sorted by their keys, money has
 * four decimals ("5.0000"), times are RFC 3339 UTC with milliseconds, item lines count from 1.
 */
export interface Dump {
  readonly users: readonly UserRow[];
  readonly orders: readonly OrderRow[];
  readonly items: readonly ItemRow[];
  readonly payments: readonly PaymentRow[];
  readonly inventory: readonly InventoryRow[];
  readonly ledger: readonly LedgerRow[];
  readonly letters: readonly LetterRow[];
}

/** The part of a dump that is a function of the applied events. */
export type Rows = Pick<Dump, 'users' | 'orders' | 'items' | 'payments' | 'inventory'>;

export interface UserRow {
  readonly userId: string;
  readonly email: string;
  readonly name: string;
  readonly occurredAt: string;
  readonly eventId: string;
}

export interface OrderRow {
  readonly orderId: string;
  readonly userId: string;
  readonly currency: string;
  readonly totalAmount: string;
  readonly occurredAt: string;
  readonly eventId: string;
}

export interface ItemRow {
  readonly orderId: string;
  readonly lineNo: string;
  readonly sku: string;
  readonly quantity: string;
  readonly unitPrice: string;
}

export interface PaymentRow {
  readonly paymentId: string;
  readonly orderId: string;
  readonly amount: string;
  readonly currency: string;
  readonly method: string;
  readonly occurredAt: string;
  readonly eventId: string;
}

export interface InventoryRow {
  readonly sku: string;
  readonly quantity: string;
  readonly lastAdjustedAt: string;
}

export interface LedgerRow {
  readonly eventId: string;
  readonly outcome: string;
}

/** `state`: parked, dead, resolved or discarded. `id`: "topic:partition:offset". */
export interface LetterRow {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly eventId: string | null;
  readonly waitingFor: string | null;
}

/** The same dump with sorted rows and four decimals, so that two dumps are equal if and only if they say the same. */
export function canonicalDump(dump: Dump): Dump {
  return {
    ...canonicalRows(dump),
    ledger: sortedBy(dump.ledger, (row) => row.eventId),
    letters: sortedBy(dump.letters, (row) => row.id),
  };
}

/** As canonicalDump, and leaves out what is not a row of the five tables. */
export function canonicalRows(rows: Rows): Rows {
  return {
    users: sortedBy(rows.users, (row) => row.userId),
    orders: sortedBy(
      rows.orders.map((row) => ({ ...row, totalAmount: fourDecimals(row.totalAmount) })),
      (row) => row.orderId,
    ),
    items: sortedBy(
      rows.items.map((row) => ({ ...row, unitPrice: fourDecimals(row.unitPrice) })),
      // A space sorts before every character of an id, and at most 500 lines need three digits.
      (row) => `${row.orderId} ${row.lineNo.padStart(3, '0')}`,
    ),
    payments: sortedBy(
      rows.payments.map((row) => ({ ...row, amount: fourDecimals(row.amount) })),
      (row) => row.paymentId,
    ),
    inventory: sortedBy(rows.inventory, (row) => row.sku),
  };
}

/** Decimal text with exactly four places: "5" and "5.00" become "5.0000". */
export function fourDecimals(money: string): string {
  const [whole = '0', fraction = ''] = money.split('.');
  return `${whole}.${fraction.padEnd(4, '0')}`;
}

/** By code units, as the databases' binary collations order ids. */
function sortedBy<T>(rows: readonly T[], key: (row: T) => string): T[] {
  return rows
    .map((row) => [key(row), row] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, row]) => row);
}

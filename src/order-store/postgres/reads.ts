import type { LetterSummary } from '../../dead-letters.ts';
import type {
  EventStatus,
  InventoryView,
  OrderSummary,
  OrderView,
  ProcessedEvent,
  Reads,
  UserView,
} from '../../reads.ts';
import type { SqlConnection } from '../../sql-connection.ts';
import { sqlFile } from '../../sql-file.ts';
import { showMoney } from '../money.ts';
import { type SummaryRow, toSummary } from './dead-letters.ts';

const query = (name: string): string => sqlFile(import.meta.url, `./queries/${name}.sql`);
const USER = query('user');
const USER_EXISTS = query('user-exists');
const ORDERS_OF_USER = query('orders-of-user');
const ORDER = query('order');
const INVENTORY = query('inventory');
const PROCESSED_EVENT = query('processed-event');
const PROCESSED_EVENTS = query('processed-events');
const LETTERS_OF_EVENT = query('letters-of-event');

export function postgresReads(sql: SqlConnection): Reads {
  return {
    user: async (userId) => {
      const [row] = await sql.query<UserRow>(USER, [userId]);
      return row === undefined ? null : toUser(row);
    },
    ordersOfUser: async (userId, { limit, after }) => {
      const rows = await sql.query<OrderRow>(ORDERS_OF_USER, [userId, after?.at ?? null, after?.id ?? null, limit]);
      if (rows.length > 0) return rows.map(toOrderSummary);
      return (await sql.query(USER_EXISTS, [userId])).length > 0 ? [] : null;
    },
    order: async (orderId) => {
      const [row] = await sql.query<OrderDetailsRow>(ORDER, [orderId]);
      return row === undefined ? null : toOrder(row);
    },
    inventory: async (sku) => {
      const [row] = await sql.query<InventoryRow>(INVENTORY, [sku]);
      return row === undefined ? null : toInventory(row);
    },
    event: async (eventId) => {
      const [processed] = await sql.query<ProcessedRow>(PROCESSED_EVENT, [eventId]);
      const letters = (await sql.query<SummaryRow>(LETTERS_OF_EVENT, [eventId])).map(toSummary);
      return processed === undefined ? statusOfLetters(letters) : statusOfLedger(toProcessed(processed), letters);
    },
    processedEvents: async (filter, { limit, after }) => {
      const values = [filter.eventType ?? null, after?.at ?? null, after?.id ?? null, limit];
      return (await sql.query<ProcessedRow>(PROCESSED_EVENTS, values)).map(toProcessed);
    },
  };
}

interface UserRow {
  readonly user_id: string;
  readonly email: string;
  readonly name: string;
  readonly created_at: string;
  readonly orders: OrderSummary[];
}

function toUser(row: UserRow): UserView {
  const recentOrders = row.orders.map((order) => ({ ...order, totalAmount: showMoney(order.totalAmount) }));
  return { userId: row.user_id, email: row.email, name: row.name, createdAt: row.created_at, recentOrders };
}

interface OrderRow {
  readonly order_id: string;
  readonly currency: string;
  readonly total_amount: string;
  readonly placed_at: string;
  readonly payment_status: OrderSummary['paymentStatus'];
}

function toOrderSummary(row: OrderRow): OrderSummary {
  return {
    orderId: row.order_id,
    currency: row.currency,
    totalAmount: showMoney(row.total_amount),
    placedAt: row.placed_at,
    paymentStatus: row.payment_status,
  };
}

interface OrderDetailsRow extends OrderRow {
  readonly user_id: string;
  readonly amount_paid: string;
  readonly items: OrderView['items'];
  readonly payments: OrderView['payments'];
}

function toOrder(row: OrderDetailsRow): OrderView {
  return {
    orderId: row.order_id,
    userId: row.user_id,
    currency: row.currency,
    totalAmount: showMoney(row.total_amount),
    placedAt: row.placed_at,
    items: row.items.map((item) => ({ ...item, unitPrice: showMoney(item.unitPrice) })),
    payments: row.payments.map((payment) => ({ ...payment, amount: showMoney(payment.amount) })),
    amountPaid: showMoney(row.amount_paid),
    paymentStatus: row.payment_status,
  };
}

interface InventoryRow {
  readonly sku: string;
  readonly quantity: string;
  readonly last_adjusted_at: string;
}

function toInventory(row: InventoryRow): InventoryView {
  const quantity = Number(row.quantity);
  const exact = Number.isSafeInteger(quantity) ? quantity : row.quantity;
  return { sku: row.sku, quantity: exact, lastAdjustedAt: row.last_adjusted_at };
}

interface ProcessedRow {
  readonly event_id: string;
  readonly event_type: ProcessedEvent['eventType'];
  readonly entity_id: string;
  readonly outcome: ProcessedEvent['outcome'];
  readonly occurred_at: string;
  readonly processed_at: string;
  readonly topic: string;
  readonly partition: number;
  readonly record_offset: string;
}

function toProcessed(row: ProcessedRow): ProcessedEvent {
  return {
    eventId: row.event_id,
    eventType: row.event_type,
    entityId: row.entity_id,
    outcome: row.outcome,
    occurredAt: row.occurred_at,
    processedAt: row.processed_at,
    topic: row.topic,
    partition: row.partition,
    offset: row.record_offset,
  };
}

function statusOfLedger(event: ProcessedEvent, deadLetters: readonly LetterSummary[]): EventStatus {
  const { outcome, entityId: _, ...rest } = event;
  return { ...rest, status: outcome, reason: null, deadLetters };
}

/** Letters come newest first; an open one says more about the event than a closed one. */
function statusOfLetters(letters: readonly LetterSummary[]): EventStatus | null {
  const letter = letters.find(({ state }) => state === 'parked' || state === 'dead') ?? letters[0];
  if (letter === undefined || letter.eventId === null) return null;
  return {
    eventId: letter.eventId,
    eventType: letter.eventType,
    status: letter.state,
    topic: letter.topic,
    partition: letter.partition,
    offset: letter.offset,
    occurredAt: null,
    processedAt: null,
    reason: letter.reason,
    deadLetters: letters,
  };
}

import pg from 'pg';
import { decodeRecord, type Event, type OrderPlaced } from '../src/events/index.ts';

/** What both ways of consuming are given. */
type Sent = Parameters<typeof decodeRecord>[0];

/**
 * What the batches are compared with: a plain consumer that decodes an event and applies it in a transaction of its
 * own, with a ledger row, into the same tables, on one connection with prepared statements. It has no fence, keeps no
 * dead letters and parks nothing: what cannot be applied is dropped.
 */
export async function applyOneByOne(url: string, records: readonly Sent[]): Promise<{ events: number; ms: number }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const started = performance.now();
    for (const record of records) {
      const decoded = decodeRecord(record, LIMITS, Date.now());
      if (decoded.kind === 'event') await applyOne(client, decoded.event);
    }
    return { events: records.length, ms: performance.now() - started };
  } finally {
    await client.end();
  }
}

const LIMITS = { maxEventBytes: 256 * 1024, maxClockAheadMs: 3_600_000, unknownTypes: 'dead' } as const;

const LEDGER = {
  name: 'ledger',
  text: `insert into store.processed_events values
    ($1, decode($2, 'base64'), 'applied', 1, 'order-events', 0, 0, $3, $4, $5, now()) on conflict do nothing`,
};
const NEWER = 'where (t.occurred_at, t.event_id) < (excluded.occurred_at, excluded.event_id)';
const USER = {
  name: 'user',
  text: `insert into store.users as t values ($1, $2, lower($2), $3, $4, $5) on conflict (user_id) do update
    set email = excluded.email, email_key = excluded.email_key, name = excluded.name,
        occurred_at = excluded.occurred_at, event_id = excluded.event_id ${NEWER}`,
};
const ORDER = {
  name: 'order',
  text: `insert into store.orders as t values ($1, $2, $3, $4, $5, $6) on conflict (order_id) do update
    set user_id = excluded.user_id, currency = excluded.currency, total_amount = excluded.total_amount,
        occurred_at = excluded.occurred_at, event_id = excluded.event_id ${NEWER}`,
};
const DELETE_ITEMS = { name: 'delete-items', text: 'delete from store.order_items where order_id = $1' };
const ITEM = { name: 'item', text: 'insert into store.order_items values ($1, $2, $3, $4, $5)' };
const PAYMENT = {
  name: 'payment',
  text: `insert into store.payments as t values ($1, $2, $3, $4, $5, $6, $7) on conflict (payment_id) do update
    set order_id = excluded.order_id, amount = excluded.amount, currency = excluded.currency,
        method = excluded.method, occurred_at = excluded.occurred_at, event_id = excluded.event_id ${NEWER}`,
};
const ADJUSTMENT = {
  name: 'adjustment',
  text: `insert into store.inventory as t values ($1, $2, $3) on conflict (sku) do update
    set quantity = t.quantity + excluded.quantity,
        last_adjusted_at = greatest(t.last_adjusted_at, excluded.last_adjusted_at)`,
};

async function applyOne(client: pg.Client, event: Event): Promise<void> {
  const { eventId, bodyHash, eventType, occurredAt } = event;
  await client.query('begin');
  try {
    const ledger = await client.query({ ...LEDGER, values: [eventId, bodyHash, eventType, eventId, occurredAt] });
    if (ledger.rowCount === 1) await applyEffect(client, event);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    // A missing parent, or an e-mail that another user holds.
    if (!['23503', '23505'].includes((error as { code?: string }).code ?? '')) throw error;
  }
}

async function applyEffect(client: pg.Client, event: Event): Promise<void> {
  const stamp = [event.occurredAt, event.eventId];
  switch (event.eventType) {
    case 'UserCreated': {
      const { userId, email, name } = event.payload;
      await client.query({ ...USER, values: [userId, email, name, ...stamp] });
      return;
    }
    case 'OrderPlaced':
      return applyOrder(client, event);
    case 'PaymentSettled': {
      const { paymentId, orderId, amount, currency, method } = event.payload;
      await client.query({ ...PAYMENT, values: [paymentId, orderId, amount, currency, method, ...stamp] });
      return;
    }
    case 'InventoryAdjusted': {
      const { sku, delta } = event.payload;
      await client.query({ ...ADJUSTMENT, values: [sku, delta, event.occurredAt] });
      return;
    }
  }
}

async function applyOrder(client: pg.Client, event: OrderPlaced): Promise<void> {
  const { orderId, userId, currency, totalAmount, items } = event.payload;
  const values = [orderId, userId, currency, totalAmount, event.occurredAt, event.eventId];
  const { rowCount } = await client.query({ ...ORDER, values });
  if (rowCount === 0) return;
  await client.query({ ...DELETE_ITEMS, values: [orderId] });
  for (const [n, { sku, quantity, unitPrice }] of items.entries()) {
    await client.query({ ...ITEM, values: [orderId, n + 1, sku, quantity, unitPrice] });
  }
}

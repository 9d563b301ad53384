import type { SqlConnection } from '../../src/sql-connection.ts';
import type { Dump } from './fold.ts';

/** Every row that events can change, as text and in a fixed order, so that two dumps are equal or are not. */
export async function dump(sql: SqlConnection): Promise<Dump> {
  const [row] = await sql.query<{ dump: Dump }>(DUMP);
  if (row === undefined) throw new Error('the dump gave no row');
  return row.dump;
}

const DUMP = `
select json_build_object(
  'users', (select coalesce(json_agg(json_build_object(
      'userId', user_id, 'email', email, 'name', name, 'occurredAt', store.iso(occurred_at), 'eventId', event_id)
      order by user_id), '[]') from store.users),
  'orders', (select coalesce(json_agg(json_build_object(
      'orderId', order_id, 'userId', user_id, 'currency', currency, 'totalAmount', total_amount::text,
      'occurredAt', store.iso(occurred_at), 'eventId', event_id) order by order_id), '[]') from store.orders),
  'items', (select coalesce(json_agg(json_build_object(
      'orderId', order_id, 'lineNo', line_no::text, 'sku', sku, 'quantity', quantity::text,
      'unitPrice', unit_price::text) order by order_id, line_no), '[]') from store.order_items),
  'payments', (select coalesce(json_agg(json_build_object(
      'paymentId', payment_id, 'orderId', order_id, 'amount', amount::text, 'currency', currency, 'method', method,
      'occurredAt', store.iso(occurred_at), 'eventId', event_id) order by payment_id), '[]') from store.payments),
  'inventory', (select coalesce(json_agg(json_build_object(
      'sku', sku, 'quantity', quantity::text, 'lastAdjustedAt', store.iso(last_adjusted_at)) order by sku), '[]')
      from store.inventory),
  'ledger', (select coalesce(json_agg(json_build_object('eventId', event_id, 'outcome', outcome)
      order by event_id), '[]') from store.processed_events),
  'letters', (select coalesce(json_agg(json_build_object(
      'id', id, 'state', state, 'reason', reason, 'eventId', event_id, 'waitingFor', waiting_for) order by id), '[]')
      from store.dead_letters)
) as dump`;

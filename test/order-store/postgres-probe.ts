import type { SqlConnection } from '../../src/sql-connection.ts';
import { canonicalDump, type Dump } from '../support/dump.ts';
import type { StoreProbe } from '../support/store-driver.ts';

/** Children before parents. */
const TABLES = [
  'payments',
  'order_items',
  'orders',
  'users',
  'inventory',
  'processed_events',
  'dead_letter_actions',
  'dead_letters',
  'position_changes',
  'partition_progress',
  'logs',
];

/** StoreProbe for PostgreSQL, native or embedded. */
export function postgresProbe(sql: SqlConnection): StoreProbe {
  return {
    dump: async () => canonicalDump(await onlyValue<Dump>(sql, DUMP)),
    everything: () => onlyValue(sql, EVERYTHING),
    emptyTables: () => sql.script(TABLES.map((table) => `delete from store.${table};`).join('\n')),
    makeParkedDue: () => sql.script(`update store.dead_letters set next_attempt_at = now() where state = 'parked'`),
    refuseLetters: async (reason) => {
      await sql.script(`alter table store.dead_letters add constraint refused check (reason <> '${reason}') not valid`);
      return () => sql.script('alter table store.dead_letters drop constraint refused');
    },
  };
}

async function onlyValue<T>(sql: SqlConnection, statement: string): Promise<T> {
  const [row] = await sql.query<{ value: T }>(statement);
  if (row === undefined) throw new Error('the statement gave no row');
  return row.value;
}

const EVERYTHING = `select json_build_object(${TABLES.map(
  (table) => `'${table}', (select coalesce(json_agg(t order by t::text), '[]') from store.${table} t)`,
).join(',\n')}) as value`;

const DUMP = `
select json_build_object(
  'users', (select coalesce(json_agg(json_build_object(
      'userId', user_id, 'email', email, 'name', name, 'occurredAt', store.iso(occurred_at), 'eventId', event_id)),
      '[]') from store.users),
  'orders', (select coalesce(json_agg(json_build_object(
      'orderId', order_id, 'userId', user_id, 'currency', currency, 'totalAmount', total_amount::text,
      'occurredAt', store.iso(occurred_at), 'eventId', event_id)), '[]') from store.orders),
  'items', (select coalesce(json_agg(json_build_object(
      'orderId', order_id, 'lineNo', line_no::text, 'sku', sku, 'quantity', quantity::text,
      'unitPrice', unit_price::text)), '[]') from store.order_items),
  'payments', (select coalesce(json_agg(json_build_object(
      'paymentId', payment_id, 'orderId', order_id, 'amount', amount::text, 'currency', currency, 'method', method,
      'occurredAt', store.iso(occurred_at), 'eventId', event_id)), '[]') from store.payments),
  'inventory', (select coalesce(json_agg(json_build_object(
      'sku', sku, 'quantity', quantity::text, 'lastAdjustedAt', store.iso(last_adjusted_at))), '[]')
      from store.inventory),
  'ledger', (select coalesce(json_agg(json_build_object('eventId', event_id, 'outcome', outcome)), '[]')
      from store.processed_events),
  'letters', (select coalesce(json_agg(json_build_object(
      'id', id, 'state', state, 'reason', reason, 'eventId', event_id, 'waitingFor', waiting_for)), '[]')
      from store.dead_letters)
) as value`;

import type { SqlConnection } from '../../src/sql-connection.ts';

/** What a restored database forgets; which logs there are and what people did is left out for brevity. */
const TABLES = [
  'users',
  'orders',
  'order_items',
  'payments',
  'inventory',
  'processed_events',
  'partition_progress',
  'dead_letters',
];

/** Copies the store's tables aside; the answer puts them back, as restoring a backup does. */
export async function backUp(sql: SqlConnection): Promise<() => Promise<void>> {
  const copies = TABLES.map((table) => `create table backup.${table} as select * from store.${table};`);
  await sql.script(`drop schema if exists backup cascade; create schema backup; ${copies.join('\n')}`);
  const back = TABLES.map((table) => `insert into store.${table} select * from backup.${table};`);
  return () => {
    const all = TABLES.map((table) => `store.${table}`).join(', ');
    return sql.script(`begin; truncate ${all}; ${back.join('\n')} commit;`);
  };
}

import pg from 'pg';
import { type Event, entityId, toRow } from '../src/events/index.ts';

/**
 * What the batches are compared with: a plain consumer that takes one transaction for each event, with a ledger row
 * and an upsert, on one connection, with prepared statements. It checks nothing and keeps no dead letters.
 */
export async function applyOneByOne(url: string, events: readonly Event[]): Promise<{ ms: number }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(TABLES);
    const started = performance.now();
    for (const event of events) await applyOne(client, event);
    return { ms: performance.now() - started };
  } finally {
    await client.end();
  }
}

const TABLES = `
create table plain_ledger (event_id text primary key, processed_at timestamptz not null default now());
create table plain_rows (entity_id text primary key, event_type text not null, body jsonb not null,
  occurred_at timestamptz not null, event_id text not null);
create table plain_inventory (sku text primary key, quantity bigint not null);
`;

const LEDGER = { name: 'ledger', text: 'insert into plain_ledger (event_id) values ($1) on conflict do nothing' };
const UPSERT = {
  name: 'upsert',
  text: `insert into plain_rows values ($1, $2, $3, $4, $5) on conflict (entity_id) do update
    set event_type = excluded.event_type, body = excluded.body, occurred_at = excluded.occurred_at,
        event_id = excluded.event_id
    where plain_rows.occurred_at < excluded.occurred_at`,
};
const ADJUST = {
  name: 'adjust',
  text: `insert into plain_inventory values ($1, $2) on conflict (sku) do update
    set quantity = plain_inventory.quantity + excluded.quantity`,
};

async function applyOne(client: pg.Client, event: Event): Promise<void> {
  await client.query('begin');
  const { rowCount } = await client.query({ ...LEDGER, values: [event.eventId] });
  if (rowCount === 1) await applyEffect(client, event);
  await client.query('commit');
}

async function applyEffect(client: pg.Client, event: Event): Promise<void> {
  const id = entityId(event);
  if (event.eventType === 'InventoryAdjusted') {
    await client.query({ ...ADJUST, values: [id, event.payload.delta] });
  } else {
    const values = [id, event.eventType, JSON.stringify(toRow(event)), event.occurredAt, event.eventId];
    await client.query({ ...UPSERT, values });
  }
}

-- InventoryAdjusted: a sum, so the order of events does not matter, and only the ledger keeps a delta from counting
-- twice. One row for each sku: ON CONFLICT cannot change a row twice in one statement.
create or replace function store.apply_inventory(events store.batch_event[]) returns store.outcome[]
  language sql
as $$
  with changed as (
    insert into store.inventory as t (sku, quantity, last_adjusted_at)
    select entity_id, sum(delta)::bigint, max(occurred_at)
    from unnest(events) e
    where e.event_type = 'InventoryAdjusted'
    group by entity_id
    order by entity_id
    on conflict (sku) do update
    set quantity         = t.quantity + excluded.quantity,
        last_adjusted_at = greatest(t.last_adjusted_at, excluded.last_adjusted_at)
  )
  select coalesce(array_agg(row (e.n, 'applied', null, null)::store.outcome), '{}')
  from unnest(events) e
  where e.event_type = 'InventoryAdjusted'
$$;

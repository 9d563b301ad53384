-- OrderPlaced: last writer wins by (occurred_at, event_id), and its items replace the items of the order it beats. The
-- users of this batch are in their table already. wake gives the orders that are new here.
create or replace function store.apply_orders(
  events store.batch_event[], out outcomes store.outcome[], out wake text[])
  language plpgsql
as $$
declare
  orders   store.batch_event[] := array(select e from unnest(events) e where e.event_type = 'OrderPlaced');
  applied  integer[];
  replaced text[];
begin
  outcomes := '{}';
  wake := '{}';
  if cardinality(orders) = 0 then
    return;
  end if;

  with candidate as (
    select o.*, t.order_id is not null as existed, p.user_id is not null as has_parent,
           coalesce(t.event_id = o.event_id or (t.occurred_at, t.event_id) > (o.occurred_at, o.event_id), false) as late
    from unnest(orders) o
    left join lateral (
      select order_id, occurred_at, event_id from store.orders where order_id = o.order_id offset 0
    ) t on true
    left join lateral (
      select user_id from store.users where user_id = o.user_id offset 0
    ) p on true
  ), winner as (
    select distinct on (order_id) * from candidate
    where has_parent
      and not late
    order by order_id, occurred_at desc, event_id desc
  ), changed as (
    insert into store.orders as t (order_id, user_id, currency, total_amount, occurred_at, event_id)
    select order_id, user_id, currency, amount, occurred_at, event_id from winner order by order_id
    on conflict (order_id) do update
    set user_id      = excluded.user_id,
        currency     = excluded.currency,
        total_amount = excluded.total_amount,
        occurred_at  = excluded.occurred_at,
        event_id     = excluded.event_id
    where (t.occurred_at, t.event_id) < (excluded.occurred_at, excluded.event_id)
    returning t.order_id, t.event_id
  ), decided as (
    select c.*, case
             when ch.event_id is not null then 'applied'
             when c.late or c.has_parent then 'stale'
             when (c.occurred_at, c.event_id) < (w.occurred_at, w.event_id) then 'stale'
             when c.expired then 'dead'
             else 'parked'
           end as status
    from candidate c
    left join winner w on w.order_id = c.order_id
    left join changed ch on ch.order_id = c.order_id and ch.event_id = c.event_id
  )
  select array_agg(case
           when d.status in ('parked', 'dead')
             then row (d.n, d.status, 'MISSING_REFERENCE', 'user:' || d.user_id)::store.outcome
           else row (d.n, d.status, null, null)::store.outcome
         end),
         coalesce(array_agg('order:' || d.order_id) filter (where d.status = 'applied' and not d.existed), '{}'),
         coalesce(array_agg(d.n) filter (where d.status = 'applied'), '{}'),
         coalesce(array_agg(d.order_id) filter (where d.status = 'applied' and d.existed), '{}')
  into outcomes, wake, applied, replaced
  from decided d;

  perform store.replace_items(array(
    select o from unnest(orders) o join unnest(applied) a (n) on a.n = o.n), replaced);
end
$$;

-- The items of the orders that changed. Only orders that were there before have items to delete. One that another batch
-- created since then has them too: inserting its first line again violates the key, and the whole batch runs again.
create or replace function store.replace_items(orders store.batch_event[], replaced text[]) returns void
  language plpgsql
as $$
begin
  if cardinality(replaced) > 0 then
    delete from store.order_items where order_id = any (replaced);
  end if;
  insert into store.order_items (order_id, line_no, sku, quantity, unit_price)
  select o.order_id, i.line_no, i.item ->> 0, (i.item ->> 1)::integer, (i.item ->> 2)::numeric
  from unnest(orders) o
  cross join lateral json_array_elements(o.items) with ordinality i (item, line_no)
  order by o.order_id, i.line_no;
end
$$;

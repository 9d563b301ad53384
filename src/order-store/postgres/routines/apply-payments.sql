-- PaymentSettled: last writer wins by (occurred_at, event_id). The orders of this batch are in their table already.
create or replace function store.apply_payments(events store.batch_event[]) returns store.outcome[]
  language sql
as $$
  with candidate as (
    select p.*, r.order_id is not null as has_parent,
           coalesce(t.event_id = p.event_id or (t.occurred_at, t.event_id) > (p.occurred_at, p.event_id), false) as late
    from unnest(events) p
    left join lateral (
      select occurred_at, event_id from store.payments where payment_id = p.entity_id offset 0
    ) t on true
    left join lateral (
      select order_id from store.orders where order_id = p.order_id offset 0
    ) r on true
    where p.event_type = 'PaymentSettled'
  ), winner as (
    select distinct on (entity_id) * from candidate
    where has_parent
      and not late
    order by entity_id, occurred_at desc, event_id desc
  ), changed as (
    insert into store.payments as t (payment_id, order_id, amount, currency, method, occurred_at, event_id)
    select entity_id, order_id, amount, currency, method, occurred_at, event_id from winner order by entity_id
    on conflict (payment_id) do update
    set order_id    = excluded.order_id,
        amount      = excluded.amount,
        currency    = excluded.currency,
        method      = excluded.method,
        occurred_at = excluded.occurred_at,
        event_id    = excluded.event_id
    where (t.occurred_at, t.event_id) < (excluded.occurred_at, excluded.event_id)
    returning t.payment_id, t.event_id
  ), decided as (
    select c.*, case
             when ch.event_id is not null then 'applied'
             when c.late or c.has_parent then 'stale'
             when (c.occurred_at, c.event_id) < (w.occurred_at, w.event_id) then 'stale'
             when c.expired then 'dead'
             else 'parked'
           end as status
    from candidate c
    left join winner w on w.entity_id = c.entity_id
    left join changed ch on ch.payment_id = c.entity_id and ch.event_id = c.event_id
  )
  select coalesce(array_agg(case
           when d.status in ('parked', 'dead')
             then row (d.n, d.status, 'MISSING_REFERENCE', 'order:' || d.order_id)::store.outcome
           else row (d.n, d.status, null, null)::store.outcome
         end), '{}')
  from decided d
$$;

-- RFC 3339 in UTC with milliseconds.
create or replace function store.iso(moment timestamptz) returns text
  language sql stable parallel safe
return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- Orders with what has been paid. Only payments in the order's currency count; an order over nothing is paid.
create or replace view store.order_summaries as
select o.order_id, o.user_id, o.currency, o.total_amount, o.occurred_at, p.amount_paid,
       case
         when p.amount_paid > o.total_amount then 'OVERPAID'
         when p.amount_paid = o.total_amount then 'PAID'
         when p.amount_paid > 0 then 'PARTIALLY_PAID'
         else 'UNPAID'
       end as payment_status
from store.orders o
cross join lateral (
  select coalesce(sum(amount), 0) as amount_paid
  from store.payments
  where order_id = o.order_id
    and currency = o.currency
) p;

-- Letters as lists show them.
create or replace view store.letter_summaries as
select id, state, reason, error, path, event_id, event_type, entity_id, waiting_for, topic, partition,
       record_offset::text as record_offset, attempts, revision, store.iso(first_failed_at) as first_failed,
       store.iso(last_failed_at) as last_failed, store.iso(next_attempt_at) as next_attempt,
       first_failed_at, last_failed_at, payload_bytes
from store.dead_letters;

-- One page, newest first, after the keyset (placed at, order id) if one is given (orders_by_user).
select s.order_id, s.currency, s.total_amount::text as total_amount, store.iso(s.occurred_at) as placed_at,
       s.payment_status
from (
  select order_id from store.orders
  where user_id = $1
    and (occurred_at, order_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
  order by occurred_at desc, order_id desc
  limit $4::integer
) l
cross join lateral (select * from store.order_summaries where order_id = l.order_id) s
order by s.occurred_at desc, s.order_id desc

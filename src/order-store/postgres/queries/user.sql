-- A user with the last five orders, newest first (orders_by_user).
select u.user_id, u.email, u.name, store.iso(u.occurred_at) as created_at, coalesce(o.orders, '[]') as orders
from store.users u
cross join lateral (
  select json_agg(json_build_object(
           'orderId', s.order_id, 'currency', s.currency, 'totalAmount', s.total_amount::text,
           'placedAt', store.iso(s.occurred_at), 'paymentStatus', s.payment_status)
         order by s.occurred_at desc, s.order_id desc) as orders
  from (
    select order_id from store.orders
    where user_id = u.user_id
    order by occurred_at desc, order_id desc
    limit 5
  ) l
  cross join lateral (select * from store.order_summaries where order_id = l.order_id) s
) o
where u.user_id = $1

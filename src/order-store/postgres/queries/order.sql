-- One statement, so that items, payments and the sum are of one moment.
select s.order_id, s.user_id, s.currency, s.total_amount::text as total_amount, store.iso(s.occurred_at) as placed_at,
       s.amount_paid::text as amount_paid, s.payment_status,
       coalesce((
         select json_agg(json_build_object('sku', sku, 'quantity', quantity, 'unitPrice', unit_price::text)
                order by line_no)
         from store.order_items
         where order_id = s.order_id), '[]') as items,
       coalesce((
         select json_agg(json_build_object(
                  'paymentId', payment_id, 'amount', amount::text, 'currency', currency, 'method', method,
                  'settledAt', store.iso(occurred_at))
                order by occurred_at, payment_id)
         from store.payments
         where order_id = s.order_id), '[]') as payments
from store.order_summaries s
where s.order_id = $1

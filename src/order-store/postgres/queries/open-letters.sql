-- The named letters as they are tried again: with the latest bytes, edited or as received.
select d.id, d.revision, d.state, d.reason, d.waiting_for, d.event_id, d.attempts, d.topic, d.partition,
       d.record_offset::text as record_offset,
       (extract(epoch from d.first_failed_at) * 1000)::bigint::text as first_failed_at,
       (extract(epoch from d.record_timestamp) * 1000)::bigint::text as record_timestamp,
       encode(case when d.edited_payload is null then d.record_key else d.edited_key end, 'base64') as key,
       encode(coalesce(d.edited_payload, d.payload), 'base64') as payload,
       encode(d.headers, 'base64') as headers
from jsonb_array_elements_text($1::jsonb) with ordinality i (id, n)
join store.dead_letters d on d.id = i.id
where d.state in ('parked', 'dead')
order by i.n

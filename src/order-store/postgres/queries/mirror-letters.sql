-- The named letters as the mirror shows them, with the latest bytes, edited or as received; of a closed one only how it
-- ended is used.
select d.id, d.revision, d.state, d.reason, d.error, d.event_id, d.event_type, d.entity_id, d.topic, d.partition,
       d.record_offset::text as record_offset, d.attempts, store.iso(d.first_failed_at) as first_failed,
       store.iso(d.last_failed_at) as last_failed,
       encode(case when d.edited_payload is null then d.record_key else d.edited_key end, 'base64') as key,
       encode(coalesce(d.edited_payload, d.payload), 'base64') as payload,
       encode(d.headers, 'base64') as headers
from jsonb_array_elements_text($1::jsonb) i (id)
cross join lateral (select * from store.dead_letters where id = i.id offset 0) d

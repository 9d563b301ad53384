select event_id, event_type, entity_id, outcome, store.iso(occurred_at) as occurred_at,
       store.iso(processed_at) as processed_at, topic, partition, record_offset::text as record_offset
from store.processed_events
where event_id = $1

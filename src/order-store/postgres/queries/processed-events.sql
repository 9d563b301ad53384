-- One page, newest first, after the keyset (processed at, event id) if one is given (processed_events_by_time).
select event_id, event_type, entity_id, outcome, store.iso(occurred_at) as occurred_at,
       store.iso(processed_at) as processed_at, topic, partition, record_offset::text as record_offset
from store.processed_events
where ($1::text is null or event_type = $1)
  and (processed_at, event_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
order by processed_at desc, event_id desc
limit $4::integer

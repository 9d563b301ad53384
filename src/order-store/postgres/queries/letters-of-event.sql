-- Every letter of an event id, newest first (dead_letters_by_event).
select id, state, reason, error, path, event_id, event_type, entity_id, waiting_for, topic, partition, record_offset,
       attempts, revision, first_failed, last_failed, next_attempt
from store.letter_summaries
where event_id = $1
order by last_failed_at desc, id desc
limit 100

select s.id, s.state, s.reason, s.error, s.path, s.event_id, s.event_type, s.entity_id, s.waiting_for, s.topic,
       s.partition, s.record_offset, s.attempts, s.revision, s.first_failed, s.last_failed, s.next_attempt,
       d.truncated, store.iso(d.record_timestamp) as record_timestamp, encode(d.record_key, 'base64') as key,
       encode(d.payload, 'base64') as payload, encode(d.edited_key, 'base64') as edited_key,
       encode(d.edited_payload, 'base64') as edited_payload, encode(d.headers, 'base64') as headers
from store.letter_summaries s
join store.dead_letters d on d.id = s.id
where s.id = $1

-- One page of letters, newest failure first, after the keyset (last failed at, id) (dead_letters_by_failure).
select id, state, reason, error, path, event_id, event_type, entity_id, waiting_for, topic, partition, record_offset,
       attempts, revision, first_failed, last_failed, next_attempt
from store.letter_summaries
where ($1::text is null or state = $1)
  and ($2::text is null or reason = $2)
  and ($3::text is null or event_type = $3)
  and ($4::text is null or entity_id = $4)
  and ($5::text is null or last_failed_at < to_timestamp($5::float8 / 1000))
  and ($6::text is null or last_failed_at > to_timestamp($6::float8 / 1000))
  and (last_failed_at, id) < (coalesce($7::timestamptz, 'infinity'), coalesce($8::text, ''))
order by last_failed_at desc, id desc
limit $9::integer

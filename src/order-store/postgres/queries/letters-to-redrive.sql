-- Open letters, oldest failure first, after the keyset (last failed at, id); the caller reads their bytes by id.
-- last_failed_at is given exactly, for it is the keyset.
select id, last_failed
from (
  select id, store.iso(last_failed_at) as last_failed, last_failed_at,
         row_number() over oldest_first as rank, sum(payload_bytes) over oldest_first as bytes
  from (
    select * from store.dead_letters
    where state in ('parked', 'dead')
      and ($1::text is null or state = $1)
      and ($2::text is null or reason = $2)
      and ($3::text is null or event_type = $3)
      and ($4::text is null or entity_id = $4)
      and last_failed_at < to_timestamp($5::float8 / 1000)
      and ($6::text is null or last_failed_at > to_timestamp($6::float8 / 1000))
      and (last_failed_at, id) > (coalesce($7::timestamptz, '-infinity'), coalesce($8::text, ''))
    order by last_failed_at, id
    limit $9::integer
  ) open_letters
  window oldest_first as (order by last_failed_at, id)
) page
where rank = 1
   or bytes <= $10::bigint
order by last_failed_at, id

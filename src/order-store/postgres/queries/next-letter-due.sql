-- Milliseconds; served by dead_letters_due.
select (extract(epoch from next_attempt_at - clock_timestamp()) * 1000)::float8::text as due_in
from store.dead_letters
where state in ('parked', 'dead')
  and next_attempt_at is not null
order by next_attempt_at
limit 1

-- Leases letters that are due: they are due again after the lease unless an attempt decides otherwise. The revision
-- stays, for nothing about the letter changed. Gives the ids, longest due first; at most max_bytes of payload, but one
-- letter at least.
create or replace function store.claim_due_letters(max_letters integer, max_bytes bigint, lease_ms integer)
  returns setof text
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
  with due as (
    select id, next_attempt_at, payload_bytes from store.dead_letters
    where state in ('parked', 'dead')
      and next_attempt_at <= clock_timestamp()
    order by next_attempt_at, id
    limit max_letters
    for update skip locked
  ), fitting as (
    select id, row_number() over due_first as rank, sum(payload_bytes) over due_first as bytes
    from due
    window due_first as (order by next_attempt_at, id)
  ), leased as (
    update store.dead_letters
    set next_attempt_at = clock_timestamp() + make_interval(secs => lease_ms / 1000.0)
    where id = any (array(select id from fitting where rank = 1 or bytes <= max_bytes))
    returning id
  )
  select f.id from fitting f join leased l on l.id = f.id order by f.rank
$$;

-- Moves the next attempt of an open letter that cannot be tried now, so that it blocks no other.
create or replace function store.postpone_letter(letter text, retry_in_ms integer) returns void
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  update store.dead_letters
  set next_attempt_at = clock_timestamp() + make_interval(secs => retry_in_ms / 1000.0)
  where id = letter
    and state in ('parked', 'dead')
$$;

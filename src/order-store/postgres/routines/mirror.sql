-- Takes the relay's lease or keeps it; null while another relay has it. "kept" says that nobody else had it meanwhile and
-- that the database was not set back: the turn is the one that the relay knows.
create or replace function store.hold_mirror_lease(caller text, known_turn integer, lease_ms integer) returns jsonb
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  lease store.mirror_lease;
begin
  select * into lease from store.mirror_lease for update;
  if lease.relay <> caller and lease.expires_at > clock_timestamp() then
    return null;
  end if;
  update store.mirror_lease
  set relay      = caller,
      turn       = lease.turn + 1,
      expires_at = clock_timestamp() + make_interval(secs => lease_ms / 1000.0);
  return jsonb_build_object('turn', lease.turn + 1,
                            'kept', lease.relay = caller and lease.turn is not distinct from known_turn);
end
$$;

-- Gives the lease back, so that another relay need not wait for its end.
create or replace function store.release_mirror_lease(caller text) returns void
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  update store.mirror_lease set expires_at = '-infinity' where relay = caller
$$;

-- Letters that the mirror must be sent, marked as sent: dead ones, parked ones first failed parked_ms ago, and those that
-- were closed. Marked first, because whoever fails to send them sends everything again; marked afterwards, one that is
-- closed in between would never leave the mirror. Letters that an attempt holds come next time, so that neither waits
-- for the other.
--
-- Only for the relay whose turn it is: the share lock keeps the next one, which relies on these marks, from beginning
-- before they are committed. "more" says that the page was full.
create or replace function store.claim_letters_to_mirror(
  caller text, known_turn integer, max_letters integer, max_bytes bigint, parked_ms integer) returns jsonb
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  answer jsonb;
begin
  perform 1 from store.mirror_lease where relay = caller and turn = known_turn for share;
  if not found then
    return '{"letters": [], "more": false}';
  end if;

  with certain as (
    select id, state, mirrored_revision, octet_length(coalesce(edited_payload, payload)) as bytes
    from store.dead_letters
    where mirrored_revision < revision
      and (mirrored_revision > 0 or state in ('parked', 'dead'))
      and state in ('dead', 'resolved', 'discarded')
    limit max_letters
    for update skip locked
  ), waiting as (
    select id, state, mirrored_revision, octet_length(coalesce(edited_payload, payload)) as bytes
    from store.dead_letters
    where mirrored_revision < revision
      and (mirrored_revision > 0 or state in ('parked', 'dead'))
      and state = 'parked'
      and first_failed_at <= clock_timestamp() - make_interval(secs => parked_ms / 1000.0)
    order by first_failed_at
    limit max_letters
    for update skip locked
  ), changed as (
    select * from certain union all select * from waiting
  ), numbered as (
    select id, state, mirrored_revision, row_number() over by_id as rank, sum(bytes) over by_id as bytes
    from changed
    window by_id as (order by id)
  ), page as (
    select id, state, mirrored_revision from numbered
    where rank = 1
       or (rank <= max_letters and bytes <= max_bytes)
  ), marked as (
    update store.dead_letters
    set mirrored_revision = revision
    where id = any (array(select id from page))
  )
  select jsonb_build_object(
           'letters', coalesce(jsonb_agg(jsonb_build_array(id, mirrored_revision = 0 and state = 'parked') order by id),
                               '[]'),
           'more', count(*) = max_letters or count(*) < (select count(*) from numbered))
  into answer
  from page;
  return answer;
end
$$;

-- Letters that the mirror should have as they are, by id after `last`; at most max_bytes of payload, but one at least.
create or replace function store.letters_mirrored(last text, max_letters integer, max_bytes bigint)
  returns table (id text, state text, revision integer)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
  with page as (
    select d.id, d.state, d.revision, octet_length(coalesce(d.edited_payload, d.payload)) as bytes
    from store.dead_letters d
    where d.mirrored_revision = d.revision
      and d.state in ('parked', 'dead')
      and d.id > last
    order by d.id
    limit max_letters
  ), numbered as (
    select p.*, row_number() over by_id as rank, sum(p.bytes) over by_id as total
    from page p
    window by_id as (order by p.id)
  )
  select n.id, n.state, n.revision from numbered n
  where n.rank = 1
     or n.total <= max_bytes
  order by n.id
$$;

-- The fence of letters: locked in id order, so that two attempts cannot deadlock on them. A letter that was closed or
-- changed since it was read is fenced: nothing happens to it here.
create or replace function store.lock_letters(letters jsonb) returns store.outcome[]
  language plpgsql
as $$
declare
  live integer[];
begin
  select coalesce(array_agg(locked.n), '{}')
  into live
  from (select n, id, revision from jsonb_to_recordset(letters) as (n integer, id text, revision integer) order by id) l
  cross join lateral (
    select l.n from store.dead_letters
    where id = l.id and revision = l.revision and state in ('parked', 'dead')
    for update
  ) locked;

  return array(
    select row (l.n, 'fenced', null, null)::store.outcome
    from jsonb_to_recordset(letters) as l (n integer)
    left join unnest(live) v (n) on v.n = l.n
    where v.n is null);
end
$$;

-- What a letter says of its failure: the refusal's own words, or words for what only the database could find out.
create or replace function store.letter_error(reason text, waiting_for text, refusal text) returns text
  language sql immutable
as $$
  select coalesce(refusal, case reason
    when 'MISSING_REFERENCE' then 'waits for ' || waiting_for || ', which does not exist yet'
    when 'EMAIL_TAKEN' then 'another user holds the e-mail that this event names'
    when 'ID_CONFLICT' then 'this event id was used before by an event with another body'
    else reason
  end)
$$;

-- New letters of a stretch. A letter that exists already (positions were set back) stays as it is: a duplicate.
create or replace function store.insert_letters(
  batch jsonb, received text, events store.batch_event[], outcomes store.outcome[], moment timestamptz)
  returns store.outcome[]
  language plpgsql
as $$
declare
  failed   store.outcome[] := array(select o from unnest(outcomes) o where o.status in ('parked', 'dead'));
  records  text[];
  inserted text[];
begin
  if cardinality(failed) = 0 then
    return outcomes;
  end if;

  records := string_to_array(received, chr(10));
  with letter as (
    insert into store.dead_letters
      (id, state, reason, error, path, event_id, event_type, entity_id, waiting_for, log_no, topic, partition,
       record_offset, record_timestamp, record_key, payload, payload_bytes, truncated, headers, first_failed_at,
       last_failed_at, attempts, next_attempt_at, revision)
    select r.id, o.status, o.reason, store.letter_error(o.reason, o.waiting_for, f.error), f.path,
           coalesce(e.event_id, f."eventId"), coalesce(e.event_type, f."eventType"),
           coalesce(e.entity_id, f."entityId"), o.waiting_for, s."logNo", s.topic, s.partition, r."offset",
           r."timestamp", decode(r.key, 'base64'), decode(r.payload, 'base64'), r."payloadBytes", r.truncated,
           decode(r.headers, 'base64'), moment, moment, 1,
           case o.status when 'parked' then moment + make_interval(secs => (batch ->> 'retryInMs')::float8 / 1000) end,
           1
    from unnest(failed) o
    cross join lateral json_to_record(records[o.n + 1]::json) r (
      id text, "offset" bigint, "timestamp" timestamptz, key text, payload text, "payloadBytes" integer,
      truncated boolean, headers text)
    cross join jsonb_to_record(batch -> 'stretch') s ("logNo" integer, topic text, partition integer)
    left join unnest(events) e on e.n = o.n
    left join jsonb_to_recordset(batch -> 'refused') f (
      n integer, error text, path text, "eventId" text, "eventType" text, "entityId" text) on f.n = o.n
    order by r.id
    on conflict (id) do nothing
    returning id
  )
  select array_agg(id) into inserted from letter;

  if cardinality(inserted) = cardinality(failed) then
    return outcomes;
  end if;
  return array(
    select case when o.status in ('parked', 'dead') and i.id is null
                then row (o.n, 'duplicate', null, null)::store.outcome else o end
    from unnest(outcomes) o
    left join unnest(inserted) i (id) on i.id = records[o.n + 1]::json ->> 'id');
end
$$;

-- Letters tried again: closed if the event ended well, parked or dead again otherwise. An attempt by a person is always
-- written down, one of the retry worker only if it changed something: a letter is parked again up to 300 times a day.
create or replace function store.update_letters(
  batch jsonb, events store.batch_event[], outcomes store.outcome[], moment timestamptz) returns void
  language plpgsql
as $$
declare
  ids text[] := array(select id from jsonb_to_recordset(batch -> 'letters') as (id text));
begin
  with attempt as (
    select l.id, l."retryInMs", l.edited, decode(l."editedKey", 'base64') as edited_key,
           decode(l."editedPayload", 'base64') as edited_payload, d.state as old_state, d.reason as old_reason,
           case when o.status in ('parked', 'dead') then o.status else 'resolved' end as state, o.status, o.reason,
           o.waiting_for, case when f.n is null then null else f.error end as refusal, f.path,
           coalesce(e.event_id, f."eventId") as event_id, coalesce(e.event_type, f."eventType") as event_type,
           coalesce(e.entity_id, f."entityId") as entity_id
    from unnest(outcomes) o
    join jsonb_to_recordset(batch -> 'letters') l (
      n integer, id text, "retryInMs" float8, edited boolean, "editedKey" text, "editedPayload" text) on l.n = o.n
    join (select id, state, reason from store.dead_letters where id = any (ids) offset 0) d on d.id = l.id
    left join unnest(events) e on e.n = o.n
    left join jsonb_to_recordset(batch -> 'refused') f (
      n integer, error text, path text, "eventId" text, "eventType" text, "entityId" text) on f.n = o.n
    where o.status <> 'fenced'
  ), changed as (
    update store.dead_letters d
    set state           = a.state,
        reason          = coalesce(a.reason, d.reason),
        error           = case when a.state = 'resolved' then d.error
                               else store.letter_error(a.reason, a.waiting_for, a.refusal) end,
        path            = case when a.state = 'resolved' then d.path else a.path end,
        event_id        = coalesce(a.event_id, d.event_id),
        event_type      = coalesce(a.event_type, d.event_type),
        entity_id       = coalesce(a.entity_id, d.entity_id),
        waiting_for     = a.waiting_for,
        edited_key      = case when a.edited then a.edited_key else d.edited_key end,
        edited_payload  = case when a.edited then a.edited_payload else d.edited_payload end,
        last_failed_at  = case when a.state = 'resolved' then d.last_failed_at else moment end,
        attempts        = d.attempts + 1,
        next_attempt_at = case a.state when 'parked' then moment + make_interval(secs => a."retryInMs" / 1000) end,
        closed_at       = case a.state when 'resolved' then moment end,
        revision        = d.revision + 1
    from attempt a
    where d.id = a.id
      and d.id = any (ids)
  )
  insert into store.dead_letter_actions (letter_id, at, actor, action, outcome, note, edited_key, edited_payload)
  select a.id, moment, batch ->> 'actor', case when a.edited then 'edit' else batch ->> 'action' end,
         case when a.reason is null then a.status else a.status || ' ' || a.reason end, batch ->> 'note',
         a.edited_key, a.edited_payload
  from attempt a
  where batch ->> 'action' = 'redrive'
     or a.state <> a.old_state
     or a.reason is distinct from a.old_reason
  order by a.id;
end
$$;

-- Parents that letters of this batch waited for and that exist, and e-mails that nobody holds: the next of their letters
-- may go, however these ended. Looked up, because a letter that is stale or a duplicate says nothing of its parent.
create or replace function store.parents_found(letters jsonb, outcomes store.outcome[]) returns text[]
  language sql stable
as $$
  with waited as materialized (
    select distinct l."waitingFor" as key
    from jsonb_to_recordset(letters) as l (n integer, "waitingFor" text)
    join unnest(outcomes) o on o.n = l.n
    where o.status <> 'fenced'
  )
  select array(
    select key from waited
    cross join lateral (select from store.users where user_id = substr(key, 6) offset 0) t
    where key like 'user:%'
    union all
    select key from waited
    cross join lateral (select from store.orders where order_id = substr(key, 7) offset 0) t
    where key like 'order:%'
    union all
    select key from waited
    cross join lateral (select count(*) as holders from store.users where (email_key || '') = substr(key, 7)) t
    where key like 'email:%'
      and t.holders = 0)
$$;

-- Makes due the open letters that wait for these parents: those not due already, 1,000 in all but one per parent at
-- least, so that no transaction grows with the backlog; every attempt that finds its parent wakes the next ones. Waits
-- for locked rows: a letter that is being tried right now may not have seen its parent.
create or replace function store.wake_letters(parents text[], moment timestamptz) returns integer
  language plpgsql
as $$
declare
  waited_for text[];
  ids        text[];
  woken      integer;
begin
  -- Only parents that anybody waits for share the 1,000: a batch of letters creates as many orders itself.
  select array_agg(p.key)
  into waited_for
  from (select distinct unnest(parents) as key) p
  cross join lateral (
    select from store.dead_letters
    where waiting_for = p.key
      and state in ('parked', 'dead')
      and coalesce(next_attempt_at, 'infinity') > moment
    limit 1
  ) w;
  if waited_for is null then
    return 0;
  end if;

  select array_agg(d.id)
  into ids
  from unnest(waited_for) p (key)
  cross join lateral (
    select id from store.dead_letters
    where waiting_for = p.key
      and state in ('parked', 'dead')
      and coalesce(next_attempt_at, 'infinity') > moment
    limit greatest(1, 1000 / cardinality(waited_for))
  ) d;

  perform 1 from store.dead_letters where id = any (ids) order by id for update;
  update store.dead_letters
  set next_attempt_at = moment
  where id = any (ids)
    and state in ('parked', 'dead')
    and coalesce(next_attempt_at, 'infinity') > moment;
  get diagnostics woken = row_count;
  return woken;
end
$$;

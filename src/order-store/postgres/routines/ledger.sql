-- Ids that the ledger knows: a duplicate, or another event under the same id.
create or replace function store.known_outcomes(events store.batch_event[]) returns store.outcome[]
  language sql stable
as $$
  select coalesce(array_agg(case
           when p.body_hash = e.body_hash then row (e.n, 'duplicate', null, null)::store.outcome
           else row (e.n, 'dead', 'ID_CONFLICT', null)::store.outcome
         end), '{}')
  from unnest(events) e
  join (
    select event_id, body_hash
    from store.processed_events
    where event_id = any (array(select event_id from unnest(events)))
    offset 0
  ) p on p.event_id = e.event_id
$$;

-- Later records of an id that was unknown as the batch began: the first one counts, and its twins share its fate. If the
-- first is a letter that is fenced, nobody knows what became of it, so its twins are left alone, whatever their body.
create or replace function store.twin_outcomes(events store.batch_event[], outcomes store.outcome[])
  returns store.outcome[]
  language sql stable
as $$
  select coalesce(array_agg(case
           when first.status = 'fenced' then row (e.n, 'fenced', null, null)::store.outcome
           when not e.same_body then row (e.n, 'dead', 'ID_CONFLICT', null)::store.outcome
           when first.status in ('applied', 'stale', 'duplicate') then row (e.n, 'duplicate', null, null)::store.outcome
           else row (e.n, first.status, first.reason, first.waiting_for)::store.outcome
         end), '{}')
  from unnest(events) e
  join unnest(outcomes) first on first.n = e.twin_of
  left join unnest(outcomes) own on own.n = e.n
  where own.n is null
$$;

-- A plain insert on purpose. An id that another batch recorded since the look-up violates the key and the whole batch
-- runs again, now knowing it. ON CONFLICT DO NOTHING or NOT EXISTS would drop the row in silence while the effect
-- stays: a delta of 5 would be counted as 10. Sorted, so that two batches insert in one order.
create or replace function store.record_in_ledger(events store.batch_event[], outcomes store.outcome[], moment timestamptz)
  returns void
  language sql
as $$
  insert into store.processed_events
    (event_id, body_hash, outcome, log_no, topic, partition, record_offset, event_type, entity_id, occurred_at,
     processed_at)
  select e.event_id, e.body_hash, o.status, e.log_no, e.topic, e.partition, e.record_offset, e.event_type, e.entity_id,
         e.occurred_at, moment
  from unnest(events) e
  join unnest(outcomes) o on o.n = e.n
  where o.status in ('applied', 'stale')
  order by e.event_id
$$;

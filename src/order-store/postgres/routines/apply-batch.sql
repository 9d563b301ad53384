-- Applies a batch: a stretch of the log, or letters tried again. One call, one transaction: the position, the ledger,
-- the effects and the dead letters commit together or not at all.
--
-- A function of several statements on purpose. Each statement sees what the ones before it did and, in READ COMMITTED,
-- what others have committed meanwhile; as one statement of CTEs a lost race for a ledger row would go unnoticed and
-- the event's effect would be kept without its ledger row.
--
-- Three parameters, by how they are read: `batch` says what to do, `decoded` holds the events and is read once, as json
-- (1,000 events: 4.5 ms; to jsonb first, 7.5 ms), `received` has a line of JSON for each record as it came, two thirds of
-- the bytes: only the lines of records that become letters are parsed.
--
-- The planner is told how to plan, because its guesses are made when the tables are empty and kept for the life of the
-- session: without a sequential scan of a table that has grown since, and without a nested loop between two arrays
-- (1,000 x 1,000 comparisons). Where rows of a table are looked up, a lateral subquery leaves it no other choice. And
-- without compiling: the price it puts on a forbidden plan starts the JIT, 1.5 s for a batch that runs in 40 ms.
create or replace function store.apply_batch(batch jsonb, decoded json, received text) returns jsonb
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_nestloop = off
  set jit = off
as $$
declare
  moment   timestamptz(3) := clock_timestamp();
  events   store.batch_event[];
  fresh    store.batch_event[];
  outcomes store.outcome[];
  step     store.outcome[];
  wake     text[];
  parents  text[] := '{}';
  woken    integer;
begin
  -- 0 fence
  if batch ? 'stretch' then
    if not store.advance_position(batch -> 'stretch', moment) then
      return '{"fenced": true}';
    end if;
    events := store.events_of_stretch(batch, decoded);
    outcomes := store.refused_outcomes(batch);
  else
    outcomes := store.lock_letters(batch -> 'letters');
    events := store.events_of_letters(batch, decoded, outcomes);
    outcomes := outcomes || store.refused_outcomes(batch, outcomes);
  end if;

  -- 1 ledger: what is known, and what has a twin earlier in the batch, is out
  outcomes := outcomes || store.known_outcomes(events);
  fresh := store.undecided(events, outcomes);

  -- 2 to 4, by level: stale, admit, upsert
  select a.outcomes, a.wake into step, wake from store.apply_users(fresh) a;
  outcomes := outcomes || step;
  parents := parents || wake;
  select a.outcomes, a.wake into step, wake from store.apply_orders(fresh) a;
  outcomes := outcomes || step;
  parents := parents || wake;
  outcomes := outcomes || store.apply_payments(fresh) || store.apply_inventory(fresh);
  outcomes := outcomes || store.twin_outcomes(events, outcomes);

  -- 5 ledger
  perform store.record_in_ledger(fresh, outcomes, moment);

  -- 6 letters, 7 wake: in this order, for a letter of this batch may be due at once
  if batch ? 'stretch' then
    outcomes := store.insert_letters(batch, received, events, outcomes, moment);
  else
    perform store.update_letters(batch, events, outcomes, moment);
    parents := parents || store.parents_found(batch -> 'letters', outcomes);
  end if;
  woken := store.wake_letters(parents, moment);

  -- 8 outcomes, in the order of the records
  return jsonb_build_object('fenced', false, 'woken', woken, 'outcomes', (
    select coalesce(jsonb_agg(case when o.reason is null then to_jsonb(o.status)
                                   else jsonb_build_array(o.status, o.reason, o.waiting_for) end order by o.n), '[]')
    from unnest(outcomes) o));
end
$$;

-- Deletes ledger rows older than `before`, at most max_rows, oldest first; gives how many. An id with an open letter
-- stays: the letter's event must still be recognised when it is tried again.
create or replace function store.prune_ledger(before timestamptz, max_rows integer) returns integer
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  pruned integer;
begin
  delete from store.processed_events
  where event_id = any (array(
    select p.event_id from store.processed_events p
    where p.processed_at < before
      and not exists (
        select 1 from store.dead_letters d where d.event_id = p.event_id and d.state in ('parked', 'dead'))
    order by p.processed_at, p.event_id
    limit max_rows));
  get diagnostics pruned = row_count;
  return pruned;
end
$$;

-- Forgets the bytes of letters closed before `before`, at most max_rows; the letter and its history stay.
create or replace function store.prune_payloads(before timestamptz, max_rows integer) returns integer
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  ids text[] := array(
    select id from store.dead_letters
    where closed_at < before
      and (payload is not null or edited_payload is not null)
    order by closed_at
    limit max_rows);
begin
  update store.dead_letters set payload = null, edited_payload = null where id = any (ids);
  update store.dead_letter_actions set edited_payload = null where letter_id = any (ids);
  return cardinality(ids);
end
$$;

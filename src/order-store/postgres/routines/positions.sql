-- The newest generation of a log, registered if it was never seen. One log of a topic at a time: of two that do not see
-- each other yet both would count as the first, and their letters would have the same ids.
create or replace function store.open_log(log_source text, log_topic text) returns jsonb
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtext('order-pipeline log'), hashtext(log_topic));
  insert into store.logs (source, topic, generation)
  select log_source, log_topic, 1
  where not exists (select 1 from store.logs where source = log_source and topic = log_topic)
  on conflict (source, topic, generation) do nothing;

  return (
    select jsonb_build_object('logNo', l.log_no, 'topic', l.topic, 'first',
                              not exists (select 1 from store.logs o where o.topic = l.topic and o.log_no < l.log_no))
    from store.logs l
    where l.source = log_source
      and l.topic = log_topic
    order by l.generation desc
    limit 1);
end
$$;

-- Begins the partitions that have no position: at "begin" if the log was never read, at "start" if only they are new.
-- The lock on the log's row makes the second of two consumers wait and then take what the first one wrote.
create or replace function store.begin_partitions(log integer, log_topic text, beginnings jsonb) returns void
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  seen boolean;
begin
  perform 1 from store.logs where log_no = log for update;
  seen := exists (select 1 from store.partition_progress where log_no = log and topic = log_topic);
  insert into store.partition_progress (log_no, topic, partition, next_offset)
  select log, log_topic, b.partition, case when seen then b.start else b.begin end
  from jsonb_to_recordset(beginnings) as b (partition integer, begin bigint, start bigint)
  order by b.partition
  on conflict (log_no, topic, partition) do nothing;
end
$$;

-- An operator's change of positions, written down. Gives what was there before; a dry run changes nothing.
create or replace function store.set_positions(log integer, log_topic text, changes jsonb, how jsonb) returns jsonb
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  before jsonb;
begin
  perform 1 from store.partition_progress where log_no = log and topic = log_topic order by partition for update;
  select jsonb_agg(jsonb_build_object('partition', c.partition, 'from', p.next_offset::text, 'to', c."to"::text)
                   order by c.partition)
  into before
  from jsonb_to_recordset(changes) as c (partition integer, "to" bigint)
  left join store.partition_progress p on p.log_no = log and p.topic = log_topic and p.partition = c.partition;

  if not (how ->> 'dryRun')::boolean then
    insert into store.position_changes (log_no, topic, partition, from_offset, to_offset, actor, note)
    select log, log_topic, b.partition, b."from", b."to", how ->> 'actor', how ->> 'note'
    from jsonb_to_recordset(before) as b (partition integer, "from" bigint, "to" bigint)
    order by b.partition;
    insert into store.partition_progress (log_no, topic, partition, next_offset)
    select log, log_topic, c.partition, c."to"
    from jsonb_to_recordset(changes) as c (partition integer, "to" bigint)
    order by c.partition
    on conflict (log_no, topic, partition) do update
    set next_offset = excluded.next_offset, previous_timestamp = null, quarantine_offset = null, moved_at = now();
  end if;
  return coalesce(before, '[]');
end
$$;

-- The next generation of a log whose records were begun again, at positions of its own.
create or replace function store.begin_generation(log integer, changes jsonb, how jsonb) returns jsonb
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  old  store.logs;
  next integer;
begin
  select * into strict old from store.logs where log_no = log for update;
  insert into store.logs (source, topic, generation)
  select old.source, old.topic, max(generation) + 1 from store.logs where source = old.source and topic = old.topic
  returning log_no into next;
  perform store.set_positions(next, old.topic, changes, how);
  return store.open_log(old.source, old.topic);
end
$$;

-- Closes an open letter for good. False if it is closed already or, with a revision given, moved meanwhile.
create or replace function store.discard_letter(letter text, known_revision integer, actor text, note text)
  returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update store.dead_letters
  set state = 'discarded', next_attempt_at = null, closed_at = clock_timestamp(), revision = revision + 1
  where id = letter
    and state in ('parked', 'dead')
    and revision = coalesce(known_revision, revision);
  if not found then
    return false;
  end if;
  insert into store.dead_letter_actions (letter_id, at, actor, action, outcome, note)
  values (letter, clock_timestamp(), discard_letter.actor, 'discard', 'discarded', discard_letter.note);
  return true;
end
$$;

-- Asks the owner of a partition to make a record a dead letter unread. False below the position or for an unknown
-- partition: only the newest log of the topic is being read.
create or replace function store.quarantine_record(log_topic text, part integer, at_offset bigint, actor text, note text)
  returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  log integer;
begin
  update store.partition_progress p
  set quarantine_offset = at_offset
  where p.log_no = (select max(l.log_no) from store.partition_progress l where l.topic = log_topic)
    and p.topic = log_topic
    and p.partition = part
    and p.next_offset <= at_offset
  returning p.log_no into log;
  if not found then
    return false;
  end if;
  insert into store.dead_letter_actions (letter_id, at, actor, action, outcome, note)
  select log_topic || ':' || part || ':' || at_offset
           || case when exists (select 1 from store.logs o where o.topic = log_topic and o.log_no < log)
                   then '@' || log else '' end,
         clock_timestamp(), quarantine_record.actor, 'quarantine', 'requested', quarantine_record.note;
  return true;
end
$$;

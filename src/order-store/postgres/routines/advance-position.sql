-- The fence of a stretch: whoever comes second finds another position and changes nothing. The row stays locked until
-- the transaction ends, so a second writer of the partition waits here, before it has read anything else. A log that has
-- been begun again is fenced as a whole: its records belong to the next generation.
create or replace function store.advance_position(stretch jsonb, moment timestamptz) returns boolean
  language plpgsql
as $$
begin
  update store.partition_progress
  set next_offset        = (stretch ->> 'next')::bigint,
      previous_timestamp = (stretch ->> 'previousTimestamp')::timestamptz,
      quarantine_offset  = case when quarantine_offset >= (stretch ->> 'next')::bigint then quarantine_offset end,
      moved_at           = moment
  where log_no = (stretch ->> 'logNo')::integer
    and topic = stretch ->> 'topic'
    and partition = (stretch ->> 'partition')::integer
    and next_offset = (stretch ->> 'expected')::bigint
    and not exists (
      select 1 from store.logs old
      join store.logs newer on newer.source = old.source and newer.topic = old.topic
      where old.log_no = (stretch ->> 'logNo')::integer
        and newer.generation > old.generation);
  return found;
end
$$;

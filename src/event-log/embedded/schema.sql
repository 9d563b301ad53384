-- The embedded event log. Run at every opening, and so idempotent.
begin;

create schema if not exists log;

-- One row for as long as the data directory lives: who wipes it gets another log.
create table if not exists log.identity (
  only_row boolean not null default true,
  source   uuid not null default gen_random_uuid(),
  constraint identity_pk primary key (only_row),
  constraint identity_only_row_check check (only_row)
);
insert into log.identity default values on conflict do nothing;

create table if not exists log.partitions (
  topic            text collate "C" not null,
  partition        integer not null,
  next_offset      bigint not null default 0,
  committed_offset bigint,
  constraint partitions_pk primary key (topic, partition)
);

create table if not exists log.records (
  topic        text collate "C" not null,
  partition    integer not null,
  "offset"     bigint not null,
  timestamp_ms bigint not null,
  -- Bytes of key and value together, so that a fetch can stop at its limit without reading them.
  size         integer not null,
  key          bytea,
  value        bytea,
  headers      json,
  constraint records_pk primary key (topic, partition, "offset")
);

-- Appends records, given as [{ "p": partition, "k": base64, "v": base64, "h": [[name, base64] ...] or null } ...], and
-- gives { partition: offset of its first record }. A function, for its plans are kept: PGlite parses and plans every
-- statement of its own anew, which costs more than appending one record.
create or replace function log.append(target text, now_ms bigint, records json) returns json
language plpgsql as $$
declare
  first_offsets json;
begin
  perform from log.partitions where topic = target order by partition for update;

  insert into log.records (topic, partition, "offset", timestamp_ms, size, key, value, headers)
  select target, partition, next_offset + place, now_ms, coalesce(length(k), 0) + coalesce(length(v), 0), k, v, h
  from (
    select p, decode(k, 'base64') as k, decode(v, 'base64') as v, h,
           row_number() over (partition by p order by line) - 1 as place
    from rows from (json_to_recordset(records) as (p integer, k text, v text, h json))
      with ordinality as incoming (p, k, v, h, line)
  ) as placed
  join log.partitions on topic = target and partition = p;

  with counts as (
    select p, count(*) as appended from json_to_recordset(records) as incoming (p integer) group by p
  ), moved as (
    update log.partitions set next_offset = next_offset + appended
    from counts
    where topic = target and partition = p
    returning partition, (next_offset - appended)::text as first_offset
  )
  select json_object_agg(partition, first_offset) into first_offsets from moved;
  return first_offsets;
end $$;

commit;

-- $1 topic, $2 partitions. A topic keeps the partitions it has: with fewer, equal keys would change partition and old
-- records would never be read.
with added as (
  insert into log.partitions (topic, partition)
  select $1, number from generate_series(0, $2::integer - 1) as number
  on conflict do nothing
  returning partition
)
select (select source::text from log.identity) as "source",
       (select count(*)::integer
        from (select partition from log.partitions where topic = $1 union select partition from added) as known
       ) as "partitions"

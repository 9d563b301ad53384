-- $1 topic, $2 timestamp in ms. Clocks step back, so timestamps need not rise with the offset: the lowest offset counts.
select partition as "partition", coalesce(found."offset", next_offset)::text as "offset"
from log.partitions
left join lateral (
  select "offset" from log.records
  where records.topic = partitions.topic and records.partition = partitions.partition
    and timestamp_ms >= $2::bigint
  order by "offset" limit 1
) as found on true
where topic = $1
order by partition

-- $1 topic. A partition whose records are all gone starts at its end.
select partition as "partition", coalesce(first."offset", next_offset)::text as "start", next_offset::text as "end"
from log.partitions
left join lateral (
  select "offset" from log.records
  where records.topic = partitions.topic and records.partition = partitions.partition
  order by "offset" limit 1
) as first on true
where topic = $1
order by partition

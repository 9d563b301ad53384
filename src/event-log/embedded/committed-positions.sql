-- $1 topic. Where each partition is read from first: as committed, or from its start (a fetch below it begins there).
select partition as "partition", coalesce(committed_offset, 0)::text as "position"
from log.partitions
where topic = $1
order by partition

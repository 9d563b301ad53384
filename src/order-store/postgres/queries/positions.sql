select partition, next_offset::text as next_offset, quarantine_offset::text as quarantine_offset,
       (extract(epoch from previous_timestamp) * 1000)::bigint::text as previous_timestamp
from store.partition_progress
where log_no = $1
  and topic = $2
order by partition

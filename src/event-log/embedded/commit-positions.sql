-- $1 topic, $2 { partition: offset }
update log.partitions set committed_offset = committed.value::bigint
from json_each_text($2::json) as committed
where topic = $1 and partition = committed.key::integer

select log.append($1, $2::bigint, $3::json) as "firstOffsets"

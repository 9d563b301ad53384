-- $1 topic, $2 partition, $3 first offset, $4 records at most, $5 bytes at most (but one record at least).
-- One row: keys and values each as one run of bytes, with the lengths to cut them by. A row per record costs twice the
-- time (9 ms for 1,000 records of 300 bytes, here 5), most of it in the driver.
select encode(string_agg(key, ''), 'base64') as "keys",
       encode(string_agg(value, ''), 'base64') as "values",
       coalesce(json_agg(json_build_array("offset"::text, timestamp_ms, length(key), length(value), headers)), '[]')
         as "records"
from (
  select "offset", timestamp_ms, key, value, headers
  from (
    select *, sum(size) over (order by "offset") as bytes, row_number() over (order by "offset") as place
    from (
      select * from log.records
      where topic = $1 and partition = $2::integer and "offset" >= $3::bigint
      order by "offset" limit $4::integer
    ) as ahead
  ) as measured
  where bytes <= $5::bigint or place = 1
  order by "offset"
) as delivered

-- Served by dead_letters_rejected_rows.
select count(*)::integer as count
from store.dead_letters
where reason = 'ROW_REJECTED'
  and log_no = $1
  and partition = $2
  and record_offset >= $3::bigint
  and record_offset < $4::bigint

select state, reason, count(*)::text as count, store.iso(min(first_failed_at)) as oldest
from store.dead_letters
group by state, reason
order by state, reason

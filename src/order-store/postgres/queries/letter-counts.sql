select c.state, c.reason, c.count::text as count, store.iso(c.oldest) as oldest,
       json_build_object('underOneHour', c.hour, 'underOneDay', c.day - c.hour, 'underOneWeek', c.week - c.day,
                         'older', c.count - c.week) as ages
from (
  select state, reason, count(*) as count, min(first_failed_at) as oldest,
         count(*) filter (where first_failed_at > clock_timestamp() - interval '1 hour') as hour,
         count(*) filter (where first_failed_at > clock_timestamp() - interval '1 day') as day,
         count(*) filter (where first_failed_at > clock_timestamp() - interval '7 days') as week
  from store.dead_letters
  group by state, reason
) c
order by c.state, c.reason

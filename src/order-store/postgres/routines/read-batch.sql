-- The events of a stretch as rows, placed where the stretch lies.
create or replace function store.events_of_stretch(batch jsonb, decoded json) returns store.batch_event[]
  language sql stable
as $$
  select coalesce(array_agg(row (
           e.n, s."logNo", s.topic, s.partition, e."offset",
           e."eventId", decode(e."bodyHash", 'base64'), e."eventType", e."entityId", e."occurredAt",
           e."twinOf", e."sameBody", false,
           e."userId", e.email, e."emailKey", e.name, e."orderId", e.currency, e.amount, e.method, e.delta, e.items
         )::store.batch_event), '{}')
  from jsonb_to_record(batch -> 'stretch') s ("logNo" integer, topic text, partition integer)
  cross join json_to_recordset(decoded) e (
    n integer, "offset" bigint, "eventId" text, "bodyHash" text, "eventType" text, "entityId" text,
    "occurredAt" timestamptz, "twinOf" integer, "sameBody" boolean, "userId" text, email text, "emailKey" text,
    name text, "orderId" text, currency text, amount numeric(19, 4), method text, delta bigint, items json)
$$;

-- The events of letters that are still ours, placed where their records lay when they failed.
create or replace function store.events_of_letters(batch jsonb, decoded json, fenced store.outcome[])
  returns store.batch_event[]
  language sql stable
as $$
  select coalesce(array_agg(row (
           e.n, d.log_no, d.topic, d.partition, d.record_offset,
           e."eventId", decode(e."bodyHash", 'base64'), e."eventType", e."entityId", e."occurredAt",
           e."twinOf", e."sameBody", l.expired,
           e."userId", e.email, e."emailKey", e.name, e."orderId", e.currency, e.amount, e.method, e.delta, e.items
         )::store.batch_event), '{}')
  from json_to_recordset(decoded) e (
    n integer, "eventId" text, "bodyHash" text, "eventType" text, "entityId" text, "occurredAt" timestamptz,
    "twinOf" integer, "sameBody" boolean, "userId" text, email text, "emailKey" text, name text, "orderId" text,
    currency text, amount numeric(19, 4), method text, delta bigint, items json)
  join jsonb_to_recordset(batch -> 'letters') l (n integer, id text, expired boolean) on l.n = e.n
  cross join lateral (
    select * from store.dead_letters where id = l.id offset 0
  ) d
  left join unnest(fenced) f on f.n = e.n
  where f.n is null
$$;

-- Records that were refused before the database saw them, and foreign types. Letters that are fenced stay so.
create or replace function store.refused_outcomes(batch jsonb, fenced store.outcome[] default '{}')
  returns store.outcome[]
  language sql stable
as $$
  select coalesce(array_agg(row (r.n, r.status, r.reason, null)::store.outcome), '{}')
  from (
    select n, 'dead' as status, reason from jsonb_to_recordset(batch -> 'refused') as (n integer, reason text)
    union all
    select n::integer, 'ignored', null from jsonb_array_elements_text(batch -> 'foreign') n
  ) r
  left join unnest(fenced) f on f.n = r.n
  where f.n is null
$$;

-- The events that no step has decided yet and that are the first of their id in the batch.
create or replace function store.undecided(events store.batch_event[], outcomes store.outcome[])
  returns store.batch_event[]
  language sql stable
as $$
  select coalesce(array_agg(e), '{}')
  from unnest(events) e
  left join unnest(outcomes) o on o.n = e.n
  where o.n is null
    and e.twin_of is null
$$;

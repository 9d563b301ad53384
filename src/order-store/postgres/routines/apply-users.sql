-- UserCreated: last writer wins by (occurred_at, event_id); an e-mail belongs to one user at a time.
--
-- An e-mail is refused if another user's row holds it as the batch begins, or if an earlier admissible record of
-- another user in the batch names it. So no row ever passes through a state in which two users hold one e-mail, and
-- the unique index can be checked row by row. wake gives the users that are new here, and the e-mails that somebody
-- named or gave up and that nobody holds now.
create or replace function store.apply_users(
  events store.batch_event[], out outcomes store.outcome[], out wake text[])
  language plpgsql
as $$
declare
  users   store.batch_event[] := array(select e from unnest(events) e where e.event_type = 'UserCreated');
  prior   store.prior_user[];
  taken   integer[];
  emails  text[];
begin
  outcomes := '{}';
  wake := '{}';
  if cardinality(users) = 0 then
    return;
  end if;

  -- Locked in key order: what is read here is what the upsert below replaces, so no e-mail is given up unseen.
  select coalesce(array_agg(row (t.user_id, t.email_key, t.occurred_at, t.event_id)::store.prior_user), '{}')
  into prior
  from (select distinct user_id from unnest(users) order by user_id) u
  cross join lateral (
    select * from store.users where user_id = u.user_id for no key update
  ) t;

  -- The holder's row is share-locked: it cannot give the e-mail up until this letter is there to be woken.
  select coalesce(array_agg(u.n), '{}')
  into taken
  from (select n, user_id, email_key from unnest(users) order by email_key) u
  cross join lateral (
    select 1 from store.users where (email_key || '') = u.email_key and user_id <> u.user_id for share
  ) t;

  with candidate as (
    select u.*, p.user_id is not null as existed,
           coalesce(p.event_id = u.event_id or (p.occurred_at, p.event_id) > (u.occurred_at, u.event_id), false) as late
    from unnest(users) u
    left join unnest(prior) p on p.user_id = u.user_id
  ), named as (
    select c.*, first_value(c.user_id) over (partition by c.email_key order by c.n) as first_to_name
    from candidate c
    left join unnest(taken) t (n) on t.n = c.n
    where not c.late
      and t.n is null
  ), winner as (
    select distinct on (user_id) * from named
    where user_id = first_to_name
    order by user_id, occurred_at desc, event_id desc
  ), changed as (
    insert into store.users as t (user_id, email, email_key, name, occurred_at, event_id)
    select user_id, email, email_key, name, occurred_at, event_id from winner order by user_id
    on conflict (user_id) do update
    set email       = excluded.email,
        email_key   = excluded.email_key,
        name        = excluded.name,
        occurred_at = excluded.occurred_at,
        event_id    = excluded.event_id
    where (t.occurred_at, t.event_id) < (excluded.occurred_at, excluded.event_id)
    returning t.user_id, t.email_key, t.event_id
  ), decided as (
    select c.n, c.user_id, c.email_key, c.existed, ch.event_id is not null as won,
           case
             when ch.event_id is not null then 'applied'
             when c.late or a.n is not null then 'stale'
             when (c.occurred_at, c.event_id) < (w.occurred_at, w.event_id) then 'stale'
             else 'dead'
           end as status
    from candidate c
    left join named a on a.n = c.n and a.user_id = a.first_to_name
    left join winner w on w.user_id = c.user_id
    left join changed ch on ch.user_id = c.user_id and ch.event_id = c.event_id
  )
  select array_agg(case d.status
           when 'dead' then row (d.n, 'dead', 'EMAIL_TAKEN', 'email:' || d.email_key)::store.outcome
           else row (d.n, d.status, null, null)::store.outcome
         end),
         coalesce(array_agg('user:' || d.user_id) filter (where d.won and not d.existed), '{}'),
         coalesce(array_agg(d.email_key) filter (where not d.won), '{}') || array(
           select p.email_key from unnest(prior) p
           join changed ch on ch.user_id = p.user_id
           where ch.email_key <> p.email_key)
  into outcomes, wake, emails
  from decided d;

  if cardinality(emails) > 0 then
    wake := wake || array(
      select 'email:' || e.key
      from (select distinct unnest(emails) as key) e
      cross join lateral (
        select count(*) as holders from store.users where (email_key || '') = e.key
      ) h
      where h.holders = 0);
  end if;
end
$$;

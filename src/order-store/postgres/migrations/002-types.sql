-- What the steps of apply_batch hand to each other. Types cannot be replaced: a change here is a migration.

-- One decoded event of a batch; n is the record's index. Columns that its type does not have are null.
create type store.batch_event as (
  n             integer,
  log_no        integer,
  topic         text,
  partition     integer,
  record_offset bigint,
  event_id      text collate "C",
  body_hash     bytea,
  event_type    text,
  entity_id     text collate "C",
  occurred_at   timestamptz(3),
  twin_of       integer,
  same_body     boolean,
  expired       boolean,
  user_id       text collate "C",
  email         text,
  email_key     text collate "C",
  name          text,
  order_id      text collate "C",
  currency      text collate "C",
  amount        numeric(19, 4),
  method        text,
  delta         bigint,
  items         json
);

-- What became of record n. waiting_for names the parent or e-mail that would help.
create type store.outcome as (
  n           integer,
  status      text,
  reason      text,
  waiting_for text collate "C"
);

-- A user's row as it was before the batch.
create type store.prior_user as (
  user_id     text collate "C",
  email_key   text collate "C",
  occurred_at timestamptz(3),
  event_id    text collate "C"
);

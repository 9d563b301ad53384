-- Version 1 of the database. Ids, keys and letter ids compare by bytes (collation C): case-sensitive, the same order
-- as in TypeScript, and independent of the server's locale.

create table store.users (
  user_id     text collate "C" not null,
  email       text not null,
  email_key   text collate "C" not null,
  name        text not null,
  occurred_at timestamptz(3) not null,
  event_id    text collate "C" not null,
  constraint users_pk primary key (user_id)
);
-- Unique over an expression, not over the column: PostgreSQL counts a plain unique column as a possible foreign-key
-- target, takes the stronger FOR UPDATE lock when it changes, and two batches that move an e-mail and insert an order
-- of the same user deadlock.
create unique index users_email_key on store.users ((email_key || ''));

create table store.orders (
  order_id     text collate "C" not null,
  user_id      text collate "C" not null,
  currency     text collate "C" not null,
  total_amount numeric(19, 4) not null,
  occurred_at  timestamptz(3) not null,
  event_id     text collate "C" not null,
  constraint orders_pk primary key (order_id),
  constraint orders_user_fk foreign key (user_id) references store.users (user_id),
  constraint orders_total_amount_check check (total_amount >= 0)
);
-- GET /users/:id and /users/:id/orders: a user's orders, newest first.
create index orders_by_user on store.orders (user_id, occurred_at desc, order_id desc);

create table store.order_items (
  order_id   text collate "C" not null,
  line_no    integer not null,
  sku        text collate "C" not null,
  quantity   integer not null,
  unit_price numeric(19, 4) not null,
  constraint order_items_pk primary key (order_id, line_no),
  constraint order_items_order_fk foreign key (order_id) references store.orders (order_id) on delete cascade,
  constraint order_items_quantity_check check (quantity > 0),
  constraint order_items_unit_price_check check (unit_price >= 0)
);

create table store.payments (
  payment_id  text collate "C" not null,
  order_id    text collate "C" not null,
  amount      numeric(19, 4) not null,
  currency    text collate "C" not null,
  method      text not null,
  occurred_at timestamptz(3) not null,
  event_id    text collate "C" not null,
  constraint payments_pk primary key (payment_id),
  constraint payments_order_fk foreign key (order_id) references store.orders (order_id),
  constraint payments_amount_check check (amount > 0)
);
-- GET /orders/:id and the payment status of any order: its payments.
create index payments_by_order on store.payments (order_id);

create table store.inventory (
  sku              text collate "C" not null,
  quantity         bigint not null,
  last_adjusted_at timestamptz(3) not null,
  constraint inventory_pk primary key (sku)
);

-- Which log a number stands for. A topic begun again under the same source is the next generation.
create table store.logs (
  log_no     integer generated always as identity,
  source     text not null,
  topic      text not null,
  generation integer not null,
  seen_at    timestamptz(3) not null default now(),
  constraint logs_pk primary key (log_no),
  constraint logs_generation_key unique (source, topic, generation)
);

-- The ledger: one row for each event id that was applied or found stale. It is what makes a second delivery harmless.
create table store.processed_events (
  event_id      text collate "C" not null,
  body_hash     bytea not null,
  outcome       text not null,
  log_no        integer not null,
  topic         text not null,
  partition     integer not null,
  record_offset bigint not null,
  event_type    text not null,
  entity_id     text collate "C" not null,
  occurred_at   timestamptz(3) not null,
  processed_at  timestamptz(3) not null,
  constraint processed_events_pk primary key (event_id),
  constraint processed_events_outcome_check check (outcome in ('applied', 'stale'))
);
-- GET /events/processed (newest first) and retention (oldest first). Without the id: the rows of a batch share their time,
-- so the index keeps one entry for them, and a page sorts the ids of a batch at most.
create index processed_events_by_time on store.processed_events (processed_at);

create table store.partition_progress (
  log_no             integer not null,
  topic              text not null,
  partition          integer not null,
  next_offset        bigint not null,
  previous_timestamp timestamptz(3),
  quarantine_offset  bigint,
  moved_at           timestamptz(3) not null default now(),
  constraint partition_progress_pk primary key (log_no, topic, partition),
  constraint partition_progress_log_fk foreign key (log_no) references store.logs (log_no)
);

-- What operators did to positions: records between from_offset and to_offset were skipped or are read again.
create table store.position_changes (
  change_no   bigint generated always as identity,
  log_no      integer not null,
  topic       text not null,
  partition   integer not null,
  from_offset bigint,
  to_offset   bigint not null,
  actor       text not null,
  note        text,
  changed_at  timestamptz(3) not null default now(),
  constraint position_changes_pk primary key (change_no),
  constraint position_changes_log_fk foreign key (log_no) references store.logs (log_no)
);

create table store.dead_letters (
  id                text collate "C" not null,
  state             text not null,
  reason            text not null,
  error             text not null,
  path              text,
  event_id          text collate "C",
  event_type        text,
  entity_id         text collate "C",
  waiting_for       text collate "C",
  log_no            integer not null,
  topic             text not null,
  partition         integer not null,
  record_offset     bigint not null,
  record_timestamp  timestamptz(3) not null,
  record_key        bytea,
  payload           bytea,
  payload_bytes     integer not null,
  truncated         boolean not null,
  headers           bytea not null,
  edited_key        bytea,
  edited_payload    bytea,
  first_failed_at   timestamptz(3) not null,
  last_failed_at    timestamptz(3) not null,
  attempts          integer not null,
  next_attempt_at   timestamptz(3),
  closed_at         timestamptz(3),
  revision          integer not null,
  mirrored_revision integer not null default 0,
  constraint dead_letters_pk primary key (id),
  constraint dead_letters_state_check check (state in ('parked', 'dead', 'resolved', 'discarded'))
);
-- The retry worker: what is due next.
create index dead_letters_due on store.dead_letters (next_attempt_at, id)
  where state in ('parked', 'dead') and next_attempt_at is not null;
-- Waking: the open letters of a parent that are not due yet; a dead one is due at infinity.
create index dead_letters_waiting on store.dead_letters (waiting_for, coalesce(next_attempt_at, 'infinity'), id)
  where state in ('parked', 'dead') and waiting_for is not null;
-- Lists and bulk redrive: by last failure.
create index dead_letters_by_failure on store.dead_letters (last_failed_at, id);
-- GET /events/:eventId, and retention's question whether an id has an open letter.
create index dead_letters_by_event on store.dead_letters (event_id) where event_id is not null;
-- How many ROW_REJECTED letters lie close together.
create index dead_letters_rejected_rows on store.dead_letters (log_no, partition, record_offset)
  where reason = 'ROW_REJECTED';
-- Retention: closed letters that still have bytes.
create index dead_letters_closed on store.dead_letters (closed_at)
  where closed_at is not null and (payload is not null or edited_payload is not null);

-- The relay to the mirror: letters that changed since they were sent, and closed ones only if they ever were. A moment's
-- parked letters are told by how long they have been waiting.
create index dead_letters_to_mirror on store.dead_letters (state, first_failed_at)
  where mirrored_revision < revision and (mirrored_revision > 0 or state in ('parked', 'dead'));
-- The relay to the mirror: everything that a mirror which was emptied must get again.
create index dead_letters_mirrored on store.dead_letters (id)
  where mirrored_revision = revision and state in ('parked', 'dead');

-- Which relay sends dead letters to the mirror, and until when unless it says so again. The turn counts every time it
-- was said: a relay that finds another number than its own was replaced, or the database was set back.
create table store.mirror_lease (
  only_row   boolean not null default true,
  relay      text not null,
  turn       integer not null,
  expires_at timestamptz(3) not null,
  constraint mirror_lease_pk primary key (only_row),
  constraint mirror_lease_only_row_check check (only_row)
);
insert into store.mirror_lease (relay, turn, expires_at) values ('', 0, '-infinity');

-- Who did what to a letter. No foreign key: a quarantine is written down before its letter exists.
create table store.dead_letter_actions (
  action_no      bigint generated always as identity,
  letter_id      text collate "C" not null,
  at             timestamptz(3) not null,
  actor          text not null,
  action         text not null,
  outcome        text not null,
  note           text,
  edited_key     bytea,
  edited_payload bytea,
  constraint dead_letter_actions_pk primary key (action_no)
);
-- GET /dead-letters/:id: the history of one letter.
create index dead_letter_actions_by_letter on store.dead_letter_actions (letter_id, action_no);

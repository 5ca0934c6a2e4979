-- Each transition of each alert, in the order in which it was stored. `body` is the record's JSON as it was written:
-- `json`, not `jsonb`, keeps its keys in order and takes a NUL that a token's symbol may hold.
create table transitions (
  sequence bigint generated always as identity primary key,
  id text collate "C" not null,
  revision integer not null,
  status text not null,
  chain_id bigint not null,
  detector text not null,
  severity text not null,
  key text not null,
  event_time bigint not null,
  body json not null,
  stored_at timestamptz not null default now(),
  unique (id, revision)
);

-- The newest transition of each alert.
create table alerts (
  id text collate "C" primary key,
  sequence bigint not null,
  revision integer not null,
  status text not null,
  chain_id bigint not null,
  detector text not null,
  severity text not null,
  key text not null,
  event_time bigint not null,
  body json not null
);
create index alerts_newest on alerts (event_time desc, id desc);
create index alerts_of_detector on alerts (detector, event_time desc, id desc);
create index alerts_of_key on alerts (key, event_time desc, id desc);
create index alerts_of_status on alerts (status, event_time desc, id desc);

-- How far each partition was read: moves in the transaction that stores what was read.
create table positions (
  topic text not null,
  partition integer not null,
  next_offset bigint not null,
  primary key (topic, partition)
);

-- Records that are no alerts, kept with their bytes.
create table dead_letters (
  topic text not null,
  partition integer not null,
  record_offset bigint not null,
  code text not null,
  reason text not null,
  payload bytea not null,
  stored_at timestamptz not null default now(),
  primary key (topic, partition, record_offset)
);

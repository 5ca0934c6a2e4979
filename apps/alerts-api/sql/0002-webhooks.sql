-- An empty filter lets everything through.
create table webhooks (
  id text primary key,
  url text not null,
  secret bytea not null,
  detectors text[] not null,
  severities text[] not null,
  statuses text[] not null,
  created_at bigint not null,
  disabled_at bigint
);

-- One row for each transition and each webhook that wants it; `sequence` is null for a test delivery. Times are in ms
-- by the clock of the process that delivers. `leased_until` is set while an attempt is under way: if its process dies,
-- the lease runs out and another takes over.
create table deliveries (
  id bigint generated always as identity primary key,
  webhook_id text not null references webhooks on delete cascade,
  sequence bigint,
  message_id text not null,
  alert_id text collate "C" not null,
  event_type text not null,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  attempts integer not null default 0,
  created_at bigint not null,
  next_attempt_at bigint not null,
  leased_until bigint,
  finished_at bigint,
  last_status integer,
  last_error text,
  unique (webhook_id, message_id)
);
create index deliveries_due on deliveries (next_attempt_at, id) where state = 'pending';
create index deliveries_in_order on deliveries (webhook_id, alert_id, id) where state = 'pending';
create index deliveries_of_webhook on deliveries (webhook_id, id desc);

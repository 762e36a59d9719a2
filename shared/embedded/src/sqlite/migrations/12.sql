-- The rows that a task's changes write again lie in rowid tables: whole on their page, beside those
-- of the same time, and no change touches an index whose columns stay as they are. A task's
-- timeline travels in its row: JSON, a step a line.
CREATE TABLE tasks_12 (
  n INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
  open INTEGER NOT NULL,
  body TEXT NOT NULL,
  steps TEXT NOT NULL DEFAULT '',
  UNIQUE (tenant, id));
INSERT INTO tasks_12 (tenant, id, version, open, body, steps)
  SELECT tenant, id, version, open, body, coalesce(
    (SELECT group_concat(steps.body || char(10), '' ORDER BY steps.n) FROM steps
     WHERE steps.tenant = tasks.tenant AND steps.task = tasks.id), '')
  FROM tasks ORDER BY id;
DROP TABLE steps;
DROP TABLE tasks;
ALTER TABLE tasks_12 RENAME TO tasks;
-- Those that have not ended, and those whose end was not announced.
CREATE INDEX tasks_open ON tasks (tenant, id) WHERE open = 1;

-- Those of a task are found by their ids, which begin with the task's.
CREATE TABLE deliveries_12 (
  n INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL, task TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
  at INTEGER, target TEXT, state TEXT, body TEXT NOT NULL,
  UNIQUE (tenant, id));
INSERT INTO deliveries_12 (tenant, task, id, version, at, target, state, body)
  SELECT tenant, task, id, version, at, target, state, body FROM deliveries ORDER BY at;
DROP TABLE deliveries;
ALTER TABLE deliveries_12 RENAME TO deliveries;
CREATE INDEX deliveries_by_time ON deliveries (tenant, at, id);
CREATE INDEX deliveries_by_target ON deliveries (tenant, target, at, id);
CREATE INDEX deliveries_missed ON deliveries (tenant, target, at, id) WHERE state IN ('exhausted', 'held');
CREATE INDEX deliveries_by_age ON deliveries (at);

-- The objects of the local buckets. An object is there when its row is; its bytes are in a file
-- that is named after the id, which tells when it was written.
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    UNIQUE (bucket, key)
);
-- Files of objects that were replaced or removed, until they are unlinked.
CREATE TABLE discarded_files (file TEXT PRIMARY KEY) WITHOUT ROWID;
-- Every file with a lower id has a row or is gone: the start looks for leftovers above it alone.
CREATE TABLE leftovers (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    cleared_below INTEGER NOT NULL
);
-- Tasks that have been kept long enough are removed: how far, for each tenant and on the whole.
CREATE TABLE removals (tenant TEXT PRIMARY KEY, removed_to TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE removal_pass (one INTEGER PRIMARY KEY CHECK (one = 1), before INTEGER NOT NULL);
CREATE INDEX usage_cursors_by_tenant ON usage_cursors (tenant);
-- What is the oldest of all.
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
CREATE INDEX key_use_by_month ON key_use (month);
CREATE INDEX dead_letters_by_age ON dead_letters (at);
-- Jobs are read when they are due, a tenant's in their order. A key begins with kind and tenant.
ALTER TABLE jobs ADD COLUMN part TEXT GENERATED ALWAYS AS (
  CASE substr(key, 1, instr(key, '/')) WHEN 'watch/' THEN 'watch' WHEN 'archive/' THEN 'archive'
    WHEN 'deliver/' THEN 'notify' WHEN 'recover/' THEN 'notify' ELSE 'wake' END) VIRTUAL;
ALTER TABLE jobs ADD COLUMN tenant TEXT GENERATED ALWAYS AS (
  substr(key, instr(key, '/') + 1, instr(substr(key, instr(key, '/') + 1), '/') - 1)) VIRTUAL;
CREATE INDEX jobs_by_due ON jobs (part, tenant, due_at, key);
-- A token finds its trust by what it claims, whatever the number of its issuer's tenants. Rows that
-- cannot be read are at the empty place, as those that ask for no claim.
CREATE INDEX trusts_by_claim ON trusts (
  issuer,
  iif(json_valid(body), CAST(ifnull(body ->> '$.claim.name', '') AS TEXT), ''),
  iif(json_valid(body), CAST(ifnull(body ->> '$.claim.value', '') AS TEXT), ''));

-- API keys, the installation as their issuer, and what keys with a limit use in a month.
CREATE TABLE api_keys (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    last_used_at INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE TABLE issuer (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE key_use (
    tenant TEXT NOT NULL,
    counter TEXT NOT NULL,
    month TEXT NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (tenant, counter, month)
);
CREATE TABLE admin_tokens (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    body TEXT NOT NULL
);
-- Open tasks are found without their tenant's history: those that have not ended, and those whose end was not announced.
ALTER TABLE tasks ADD COLUMN open INTEGER GENERATED ALWAYS AS (
  CASE WHEN NOT json_valid(body) THEN 1
    WHEN json_extract(body, '$.state') IN ('completed', 'failed', 'cancelled', 'timeout')
    THEN coalesce(json_extract(body, '$.untold'), 0) ELSE 1 END) VIRTUAL;
CREATE INDEX tasks_open ON tasks (tenant, id) WHERE open = 1;
-- When a job was given up.
ALTER TABLE dead_letters ADD COLUMN at INTEGER;
-- Operators say why they moved money. The ledger is read by time.
ALTER TABLE ledger ADD COLUMN reason TEXT;
CREATE INDEX ledger_by_time ON ledger (tenant, at);

-- The days of each account, and what it had when they began. The highest one is open.
CREATE TABLE days (
  tenant TEXT NOT NULL, day TEXT NOT NULL,
  begins INTEGER NOT NULL, ends INTEGER NOT NULL, month_begins INTEGER NOT NULL,
  balance INTEGER NOT NULL, held INTEGER NOT NULL,
  PRIMARY KEY (tenant, day)) WITHOUT ROWID;

-- What ledger and tasks come to on each day, by model and API key; empty for what has neither.
-- Sums from before these tables are filled in later, apart from those written with their entries.
CREATE TABLE day_sums (
  tenant TEXT NOT NULL, day TEXT NOT NULL, filled INTEGER NOT NULL,
  model TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (tenant, day, filled, model, key)) WITHOUT ROWID;

-- Accounts that had entries before these tables: when their sums begin, what they had then, and how
-- far the time before is filled in.
CREATE TABLE day_fills (
  tenant TEXT PRIMARY KEY, since INTEGER NOT NULL, balance INTEGER NOT NULL, held INTEGER NOT NULL,
  after TEXT, done INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
INSERT INTO day_fills (tenant, since, balance, held)
  SELECT entries.tenant, entries.last + 1,
    coalesce(available + held - credit, 0), coalesce(held, 0)
  FROM (SELECT tenant, max(at) AS last FROM ledger GROUP BY tenant) AS entries
  LEFT JOIN accounts ON accounts.tenant = entries.tenant;
-- When tenants are told that their money runs out, and what they were told.
CREATE TABLE alerts (
    tenant TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    body TEXT NOT NULL
);

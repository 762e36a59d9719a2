-- Keys sort by time within a tenant, so that new rows land beside each other. Bodies are JSON.
CREATE TABLE IF NOT EXISTS tenants (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS trusts (
  issuer TEXT NOT NULL, tenant TEXT NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (issuer, tenant, n)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS accounts (
  tenant TEXT PRIMARY KEY,
  available INTEGER NOT NULL CHECK (available >= 0),
  held INTEGER NOT NULL CHECK (held >= 0),
  captured INTEGER NOT NULL CHECK (captured >= 0)) WITHOUT ROWID;

-- The key is what makes a second capture of one task impossible.
CREATE TABLE IF NOT EXISTS ledger (
  tenant TEXT NOT NULL, reference TEXT NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (tenant, reference, kind)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tasks (
  tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (tenant, id)) WITHOUT ROWID;

-- Inputs may be megabytes; a rowid table keeps them out of the key tree.
CREATE TABLE IF NOT EXISTS inputs (tenant TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tenant, id));

CREATE TABLE IF NOT EXISTS steps (
  tenant TEXT NOT NULL, task TEXT NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (tenant, task, n)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS idempotency (
  tenant TEXT NOT NULL, key TEXT NOT NULL, request BLOB NOT NULL, task TEXT NOT NULL, expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, key)) WITHOUT ROWID;

-- Which task owns a run of the provider.
CREATE TABLE IF NOT EXISTS runs (upstream TEXT PRIMARY KEY, tenant TEXT NOT NULL, task TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS endpoints (
  tenant TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tenant, id)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS deliveries (
  tenant TEXT NOT NULL, task TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (tenant, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_of_task ON deliveries (tenant, task, id);

-- One row a waiting job. Leases live in the serving process alone: they die with it, and its jobs are due again.
CREATE TABLE IF NOT EXISTS jobs (
  key TEXT PRIMARY KEY, due_at INTEGER NOT NULL, failures INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS dead_letters (
  n INTEGER PRIMARY KEY, lane TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL);

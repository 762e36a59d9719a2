-- One row: who waits for the provider's account.
CREATE TABLE IF NOT EXISTS line (n INTEGER PRIMARY KEY CHECK (n = 1), body TEXT NOT NULL);

-- How far exports of usage have come.
CREATE TABLE IF NOT EXISTS usage_cursors (
  place TEXT NOT NULL, tenant TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (place, tenant)) WITHOUT ROWID;

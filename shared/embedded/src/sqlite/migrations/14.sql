-- Whether the folder was restored for a drill, and may send nothing.
CREATE TABLE drill (one INTEGER PRIMARY KEY CHECK (one = 1));
-- The provider's catalogue as it was read last, for a start while the provider does not answer.
-- Its entries, compressed, lie apart: they seldom change, and what is told of them does all the
-- time.
CREATE TABLE catalogues (
  provider TEXT PRIMARY KEY,
  claimed_until INTEGER NOT NULL,
  read_at INTEGER, sha256 BLOB);
CREATE TABLE catalogue_entries (provider TEXT PRIMARY KEY, entries BLOB NOT NULL);

-- Batches, and their lines in chunks, each by the number of its last line. What expired is found by
-- its age, whether or not its batch was ever created.
CREATE TABLE batches (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    unfinished INTEGER NOT NULL,
    idempotency_key TEXT,
    removed_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX batches_by_key ON batches (tenant, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX batches_unfinished ON batches (tenant) WHERE unfinished = 1;
CREATE INDEX batches_by_age ON batches (removed_at);
CREATE TABLE batch_chunks (
    tenant TEXT NOT NULL,
    batch TEXT NOT NULL,
    last INTEGER NOT NULL,
    removed_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    texts TEXT,
    PRIMARY KEY (tenant, batch, last)
);
CREATE INDEX batch_chunks_by_age ON batch_chunks (removed_at);

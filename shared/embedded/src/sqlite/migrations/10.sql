-- The inputs of a task that did not complete are kept for a while, so that it can be retried.
ALTER TABLE inputs ADD COLUMN expires_at INTEGER;
CREATE INDEX inputs_by_expiry ON inputs (expires_at) WHERE expires_at IS NOT NULL;

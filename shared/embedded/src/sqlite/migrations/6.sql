-- Events that are about no task.
CREATE TABLE notices (
  tenant TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (tenant, id)) WITHOUT ROWID;
CREATE INDEX notices_by_time ON notices (at);

-- What deliveries are found by: the time of their event, their endpoint, and whether they were missed.
ALTER TABLE deliveries ADD COLUMN at INTEGER
  GENERATED ALWAYS AS (json_extract(body, '$.created_at')) VIRTUAL;
ALTER TABLE deliveries ADD COLUMN target TEXT
  GENERATED ALWAYS AS (coalesce(json_extract(body, '$.target.endpoint'), 'task_callback')) VIRTUAL;
ALTER TABLE deliveries ADD COLUMN state TEXT
  GENERATED ALWAYS AS (json_extract(body, '$.state')) VIRTUAL;
CREATE INDEX deliveries_by_time ON deliveries (tenant, at, id);
CREATE INDEX deliveries_by_target ON deliveries (tenant, target, at, id);
CREATE INDEX deliveries_missed ON deliveries (tenant, target, at, id) WHERE state IN ('exhausted', 'held');

-- One word for each thing.
ALTER TABLE runs RENAME COLUMN upstream TO run;
ALTER TABLE audit RENAME TO audit_log;
ALTER TABLE line RENAME TO fair_queue;

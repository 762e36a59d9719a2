-- Up to which task inputs and callback URLs were removed, for each tenant.
CREATE TABLE inputs_drops (tenant TEXT PRIMARY KEY, dropped_to TEXT NOT NULL) WITHOUT ROWID;

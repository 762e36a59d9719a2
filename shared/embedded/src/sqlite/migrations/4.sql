-- The monthly budget is JSON, and null until there is one.
ALTER TABLE accounts ADD COLUMN credit INTEGER NOT NULL DEFAULT 0 CHECK (credit >= 0);
ALTER TABLE accounts ADD COLUMN in_flight INTEGER NOT NULL DEFAULT 0 CHECK (in_flight >= 0);
ALTER TABLE accounts ADD COLUMN allowance TEXT;

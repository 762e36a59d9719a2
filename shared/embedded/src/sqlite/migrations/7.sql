-- A known text, sealed with the keys of the folder: whether a file of keys is the right one shows at the start.
CREATE TABLE encryption_check (id INTEGER PRIMARY KEY CHECK (id = 1), sealed TEXT NOT NULL);

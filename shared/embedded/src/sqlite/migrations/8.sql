-- What is the oldest of all: deliveries are removed when they are old enough.
CREATE INDEX deliveries_by_age ON deliveries (at);

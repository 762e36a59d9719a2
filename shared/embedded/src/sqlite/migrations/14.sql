-- Whether the folder was restored for a drill, and may send nothing.
CREATE TABLE drill (one INTEGER PRIMARY KEY CHECK (one = 1));

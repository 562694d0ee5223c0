-- +goose Up
-- How far alerts of the log were handed to the system of those who supervise: the
-- index of the first entry that was not looked at yet.
CREATE TABLE feed (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    next INTEGER NOT NULL CHECK (next >= 0)
) STRICT;

-- +goose Down
DROP TABLE feed;

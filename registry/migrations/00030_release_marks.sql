-- +goose Up
-- What of released results is kept to tell whether a delivery repeats one: keyed
-- marks, encrypted. Never changed.

CREATE TABLE release_marks (
    run      TEXT NOT NULL PRIMARY KEY,
    zone     TEXT NOT NULL,
    scenario TEXT NOT NULL,
    body     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE release_marks;

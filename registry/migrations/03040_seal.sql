-- +goose Up
-- Keyed digests of every row of released results, encrypted, by which a leaked
-- fragment can be known again. Never changed.

CREATE TABLE release_contents (
    run  TEXT NOT NULL PRIMARY KEY,
    zone TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE release_contents;

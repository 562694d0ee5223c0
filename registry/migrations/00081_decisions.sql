-- +goose Up
-- What was decided and on which facts, so that it can be decided again under a draft.

CREATE TABLE decisions (
    seq  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at   INTEGER NOT NULL, -- seconds since 1970
    body BLOB NOT NULL
) STRICT;

CREATE INDEX decisions_at ON decisions (at);

-- +goose Down
DROP TABLE decisions;

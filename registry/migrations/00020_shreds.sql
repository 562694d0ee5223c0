-- +goose Up
-- Orders to destroy what may never be read again, and how far each has come.

CREATE TABLE shreds (
    id    TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    body  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE shreds;

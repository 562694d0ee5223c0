-- +goose Up
-- How people are reached, apart from their documents: a body is the whole of it.

CREATE TABLE contacts (
    person TEXT NOT NULL PRIMARY KEY,
    body   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE contacts;

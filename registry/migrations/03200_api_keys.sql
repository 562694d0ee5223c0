-- +goose Up
-- Keys that programs of a person act by; a body is the whole of one, but for the secret,
-- of which it holds a digest.

CREATE TABLE api_keys (
    id     TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    body   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_person ON api_keys (person);

-- +goose Down
DROP TABLE api_keys;

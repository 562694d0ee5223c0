-- +goose Up
-- By what a person's one-time codes are computed (RFC 6238), sealed.

CREATE TABLE one_time_codes (
    person TEXT NOT NULL PRIMARY KEY,
    body   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE one_time_codes;

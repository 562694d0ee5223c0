-- +goose Up
-- What a provider of identities calls somebody belongs to one person for ever, as a
-- signing key does: SHA-256 of the issuer, a zero byte and the subject.

CREATE TABLE identities (
    digest BLOB NOT NULL PRIMARY KEY,
    person TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE identities;

-- +goose Up
-- The key of a client certificate belongs to one person for ever, as a signing key does:
-- SHA-256 of its SubjectPublicKeyInfo in lower-case hex.

CREATE TABLE client_certificates (
    pin    TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE client_certificates;

-- +goose Up
-- Who consented to have rows used for a scenario. Subjects are tokens; what
-- evidence there is, and what was brought in, is encrypted. Rows of a batch count
-- once the batch is ACTIVE. Nothing is changed but the state of a batch and of a
-- scope: a withdrawal is a row of its own.

CREATE TABLE consent_scopes (
    id       INTEGER NOT NULL PRIMARY KEY,
    zone     TEXT    NOT NULL,
    scenario TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    UNIQUE (zone, scenario)
) STRICT;

CREATE TABLE consent_batches (
    id     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, -- none is ever another's
    name   TEXT    NOT NULL UNIQUE,
    scope  INTEGER NOT NULL REFERENCES consent_scopes (id),
    digest TEXT    NOT NULL,
    state  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    body   BLOB    NOT NULL
) STRICT;

CREATE TABLE consents (
    scope       INTEGER NOT NULL,
    subject     BLOB    NOT NULL,
    given       INTEGER NOT NULL,
    valid_from  INTEGER NOT NULL,
    valid_until INTEGER NOT NULL,
    batch       INTEGER NOT NULL,
    evidence    BLOB    NOT NULL,
    PRIMARY KEY (scope, subject, given, valid_from, valid_until, batch)
) STRICT, WITHOUT ROWID;

CREATE TABLE consent_withdrawals (
    scope   INTEGER NOT NULL,
    subject BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    body    BLOB    NOT NULL,
    PRIMARY KEY (scope, subject, at)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE consent_withdrawals;
DROP TABLE consents;
DROP TABLE consent_batches;
DROP TABLE consent_scopes;

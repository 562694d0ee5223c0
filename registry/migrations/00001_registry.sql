-- +goose Up
-- Times are nanoseconds since 1970 UTC. A body is encrypted and bound to the
-- plain columns of its row.

CREATE TABLE registry_state (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    epoch    INTEGER NOT NULL
) STRICT;
INSERT INTO registry_state VALUES (1, 0, 0);

-- Every version of every document; the highest version is the one in force.
-- parent is the zone of a dataset or license, the license of a scenario, the
-- scenario of a grant, the organization of a person.
CREATE TABLE documents (
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    parent     TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    applied_by TEXT    NOT NULL,
    applied_at INTEGER NOT NULL,
    body       BLOB    NOT NULL,
    PRIMARY KEY (kind, name, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_parent ON documents (kind, parent, name);

-- A signature counts once: an older version cannot be put back with the
-- signatures it once had.
CREATE TABLE signatures (
    digest  BLOB    NOT NULL PRIMARY KEY,
    kind    TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A signing key belongs to one person for ever.
CREATE TABLE signing_keys (
    key    TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE data_versions (
    zone     TEXT    NOT NULL,
    dataset  TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (zone, dataset, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id         TEXT    NOT NULL PRIMARY KEY,
    user       TEXT    NOT NULL,
    zone       TEXT    NOT NULL,
    scenario   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    body       BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_user ON runs (user, created_at);

CREATE TABLE outbox (
    seq       INTEGER PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,
    revision  INTEGER NOT NULL,
    log_index INTEGER,
    body      BLOB    NOT NULL
) STRICT;
CREATE INDEX outbox_pending ON outbox (seq) WHERE log_index IS NULL;

CREATE TABLE nonces (
    user  TEXT    NOT NULL,
    nonce TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (user, nonce)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE nonces;
DROP TABLE outbox;
DROP TABLE runs;
DROP TABLE data_versions;
DROP TABLE signing_keys;
DROP TABLE signatures;
DROP TABLE documents;
DROP TABLE registry_state;

-- +goose Up
-- Which ends of certificates the log has told of, ahead and when they came.

CREATE TABLE evidence_told (
    license TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    until   TEXT    NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('EXPIRING', 'EXPIRED')),
    told_at INTEGER NOT NULL,
    PRIMARY KEY (license, kind, until, state)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE evidence_told;

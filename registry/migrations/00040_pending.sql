-- +goose Up
-- Documents that come into force at a time of their own, together with those they
-- were handed in with. Everything in force stands in documents; nothing here counts.
-- due, submitted_at and settled_at are nanoseconds since 1970 UTC. A body is encrypted
-- and bound to the plain columns of its row.
CREATE TABLE pending_documents (
    batch        TEXT    NOT NULL,
    position     INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    due          INTEGER NOT NULL,
    submitted_by TEXT    NOT NULL,
    submitted_at INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('PENDING', 'IN_FORCE', 'WITHDRAWN', 'LAPSED')),
    settled_at   INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    PRIMARY KEY (batch, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_due ON pending_documents (state, due);

-- +goose Down
DROP TABLE pending_documents;

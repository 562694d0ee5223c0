-- +goose Up
-- Times are nanoseconds since 1970 UTC, 0 for none. Texts come sealed.

CREATE TABLE workflow_instances (
    machine       TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    requester     TEXT    NOT NULL,
    requester_org TEXT    NOT NULL,
    input         TEXT    NOT NULL,
    until         INTEGER NOT NULL,
    moves         INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    moved_at      INTEGER NOT NULL,
    PRIMARY KEY (machine, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX workflow_queue ON workflow_instances (machine, state, started_at);

CREATE TABLE workflow_parties (
    machine TEXT NOT NULL,
    id      TEXT NOT NULL,
    role    TEXT NOT NULL,
    org     TEXT NOT NULL,
    PRIMARY KEY (machine, id, role, org),
    FOREIGN KEY (machine, id) REFERENCES workflow_instances (machine, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE workflow_moves (
    machine    TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    move       TEXT    NOT NULL,
    from_state TEXT    NOT NULL,
    to_state   TEXT    NOT NULL,
    user       TEXT    NOT NULL,
    org        TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    review     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    code       TEXT    NOT NULL,
    text       BLOB,
    PRIMARY KEY (machine, id, seq),
    FOREIGN KEY (machine, id) REFERENCES workflow_instances (machine, id)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE workflow_moves;
DROP TABLE workflow_parties;
DROP TABLE workflow_instances;

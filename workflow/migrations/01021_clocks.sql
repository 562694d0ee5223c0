-- +goose Up
-- Terms that passed and were told of, once each, and the table of working days they
-- were last counted by.

CREATE TABLE workflow_overdue (
    machine TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    timer   TEXT    NOT NULL,
    started INTEGER NOT NULL,
    told_at INTEGER NOT NULL,
    PRIMARY KEY (machine, id, timer, started),
    FOREIGN KEY (machine, id) REFERENCES workflow_instances (machine, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE workflow_calendar (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    version TEXT    NOT NULL
) STRICT;

-- +goose Down
DROP TABLE workflow_calendar;
DROP TABLE workflow_overdue;

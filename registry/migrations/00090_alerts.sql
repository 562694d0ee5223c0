-- +goose Up
-- Alerts that were raised. A row never changes: what becomes of an alert is its course.

CREATE TABLE alerts (
    id      TEXT NOT NULL PRIMARY KEY,
    rule    TEXT NOT NULL,
    subject TEXT NOT NULL, -- what was counted: a person, an organization, a license, a zone, a case
    at      INTEGER NOT NULL, -- nanoseconds since 1970
    body    BLOB NOT NULL
) STRICT;

CREATE INDEX alerts_subject ON alerts (rule, subject, at);
CREATE INDEX alerts_at ON alerts (at);

-- +goose Down
DROP TABLE alerts;

-- +goose Up
-- Questions that were handed in to be asked, and how each ended. Whose it is and by
-- which key its sender knows it never change; the question itself, which is there until
-- it has ended, and its outcome are encrypted.

CREATE TABLE submissions (
    id         TEXT NOT NULL PRIMARY KEY,
    user       TEXT NOT NULL,
    key        TEXT NOT NULL,
    run        TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL DEFAULT 0,
    body       BLOB NOT NULL,
    UNIQUE (user, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX submissions_by_end ON submissions (ended_at, created_at);
CREATE INDEX submissions_by_user ON submissions (user, id);

-- +goose Down
DROP TABLE submissions;

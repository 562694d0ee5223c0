-- +goose Up
-- Which run answered a question last, by a keyed digest of the question and of all that
-- its answer depends on; the run is encrypted.

CREATE TABLE answered_questions (
    question TEXT NOT NULL PRIMARY KEY,
    body     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE answered_questions;

-- +goose Up
-- What was found of the quality of data versions, one row a check and none ever
-- changed.

CREATE TABLE quality_reports (
    zone     TEXT    NOT NULL,
    dataset  TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    version  TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    cause    TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (zone, dataset, revision)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE quality_reports;

-- +goose Up
-- What outputs showed of datasets, for what is asked later: which file of the folder
-- ledger says it, of which version and digest, encrypted, and whether the output left.

CREATE TABLE ledger_entries (
    run     TEXT NOT NULL,
    zone    TEXT NOT NULL,
    dataset TEXT NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (run, dataset)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_entries_dataset ON ledger_entries (zone, dataset, run);

-- How rows of versions are numbered, a chain of versions for each measure.

CREATE TABLE ledger_lineages (
    id      INTEGER NOT NULL PRIMARY KEY,
    zone    TEXT NOT NULL,
    dataset TEXT NOT NULL,
    file    TEXT NOT NULL,
    body    BLOB NOT NULL
) STRICT;
CREATE INDEX ledger_lineages_dataset ON ledger_lineages (zone, dataset, id);

-- +goose Down
DROP TABLE ledger_lineages;
DROP TABLE ledger_entries;

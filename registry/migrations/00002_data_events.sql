-- +goose Up
-- What happened to the data of datasets, one row an event and none ever changed.
-- LOADED and HELD rows describe a version, HELD one that was not made current;
-- they are bound to their columns but seq and kind, as before there were others.

CREATE TABLE data_events (
    zone     TEXT    NOT NULL,
    dataset  TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (zone, dataset, revision, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX data_events_load ON data_events (zone, dataset, version) WHERE kind IN ('LOADED', 'HELD');
INSERT INTO data_events SELECT zone, dataset, version, revision, 0, 'LOADED', body FROM data_versions;
DROP TABLE data_versions;

-- +goose Down
CREATE TABLE data_versions (
    zone     TEXT    NOT NULL,
    dataset  TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (zone, dataset, version)
) STRICT, WITHOUT ROWID;
INSERT INTO data_versions SELECT zone, dataset, version, revision, body FROM data_events WHERE kind = 'LOADED';
DROP TABLE data_events;

-- +goose Up
-- The documents that an instance is about, by name: the grants of a data request.

CREATE TABLE workflow_subjects (
    machine TEXT NOT NULL,
    id      TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (machine, subject, id),
    FOREIGN KEY (machine, id) REFERENCES workflow_instances (machine, id)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE workflow_subjects;

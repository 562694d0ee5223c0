-- +goose Up
-- Signed policy bundles, who published and confirmed each, and in which order they
-- came into force.

CREATE TABLE policy_orders (
    id   TEXT NOT NULL PRIMARY KEY,
    step INTEGER UNIQUE, -- NULL until it is confirmed
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE policy_orders;

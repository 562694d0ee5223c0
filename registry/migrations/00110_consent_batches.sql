-- +goose Up
-- The consents of a batch are found without reading those of all others.

CREATE INDEX consents_batch ON consents (batch);

-- +goose Down
DROP INDEX consents_batch;

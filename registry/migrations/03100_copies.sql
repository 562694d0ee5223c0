-- +goose Up
-- The run in whose place a reviewer had a run, which is nobody's question.

ALTER TABLE runs ADD COLUMN in_place_of TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE runs DROP COLUMN in_place_of;

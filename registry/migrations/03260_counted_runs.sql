-- +goose Up
-- Runs are counted with each question: from these indexes alone, without the pages of
-- their bodies.

DROP INDEX runs_user;
CREATE INDEX runs_asked ON runs (user, created_at, in_place_of, scenario);
CREATE INDEX runs_in_place ON runs (user, created_at) WHERE in_place_of <> '';

-- +goose Down
DROP INDEX runs_in_place;
DROP INDEX runs_asked;
CREATE INDEX runs_user ON runs (user, created_at);

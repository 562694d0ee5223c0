-- +goose Up
-- How many an organization started lately is counted with each question.

CREATE INDEX workflow_started ON workflow_instances (machine, requester_org, started_at);

-- +goose Down
DROP INDEX workflow_started;

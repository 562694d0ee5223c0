-- +goose Up
-- changes counts the rows of documents, data and consents that were ever written: what
-- was read of them at one count is what is there at the same count.

ALTER TABLE registry_state ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
-- +goose StatementBegin
CREATE TRIGGER documents_inserted AFTER INSERT ON documents BEGIN UPDATE registry_state SET changes = changes + 1; END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER documents_updated AFTER UPDATE ON documents BEGIN UPDATE registry_state SET changes = changes + 1; END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER documents_deleted AFTER DELETE ON documents BEGIN UPDATE registry_state SET changes = changes + 1; END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER data_events_inserted AFTER INSERT ON data_events BEGIN UPDATE registry_state SET changes = changes + 1; END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER data_events_updated AFTER UPDATE ON data_events BEGIN UPDATE registry_state SET changes = changes + 1; END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER data_events_deleted AFTER DELETE ON data_events BEGIN UPDATE registry_state SET changes = changes + 1; END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_scopes_inserted AFTER INSERT ON consent_scopes BEGIN UPDATE registry_state SET changes = changes + 1; END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_scopes_updated AFTER UPDATE ON consent_scopes BEGIN UPDATE registry_state SET changes = changes + 1; END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_scopes_deleted AFTER DELETE ON consent_scopes BEGIN UPDATE registry_state SET changes = changes + 1; END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER documents_inserted;
DROP TRIGGER documents_updated;
DROP TRIGGER documents_deleted;
DROP TRIGGER data_events_inserted;
DROP TRIGGER data_events_updated;
DROP TRIGGER data_events_deleted;
DROP TRIGGER consent_scopes_inserted;
DROP TRIGGER consent_scopes_updated;
DROP TRIGGER consent_scopes_deleted;
ALTER TABLE registry_state DROP COLUMN changes;

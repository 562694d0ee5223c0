package registry

import (
	"context"
	"fmt"
	"log/slog"
)

// Contact is how somebody is reached. It is kept apart from the person's document,
// which others read, and sealed.
type Contact struct {
	Phone string `json:"phone,omitempty"`
	Email string `json:"email,omitempty"`
}

// LogValue keeps a contact out of logs.
func (Contact) LogValue() slog.Value { return slog.StringValue("contact") }

func contactParts(person string) []string { return []string{"contact", person} }

// PutContact stores how a person is reached in place of what was stored; an empty
// contact removes it.
func (tx *Tx) PutContact(person string, c Contact) error {
	if c == (Contact{}) {
		if _, err := tx.sql.ExecContext(tx.ctx, `DELETE FROM contacts WHERE person = ?`, person); err != nil {
			return fmt.Errorf("registry: remove contact of %s: %w", person, err)
		}
		return nil
	}
	body, err := tx.r.sealRow(c, contactParts(person)...)
	if err != nil {
		return err
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `INSERT OR REPLACE INTO contacts (person, body) VALUES (?, ?)`, person, body); err != nil {
		return fmt.Errorf("registry: store contact of %s: %w", person, err)
	}
	return nil
}

// Contacts returns how people are reached, by their names.
func (r *Registry) Contacts(ctx context.Context) (map[string]Contact, error) {
	rows, err := r.reader.QueryContext(ctx, `SELECT person, body FROM contacts`)
	if err != nil {
		return nil, fmt.Errorf("registry: read contacts: %w", err)
	}
	defer rows.Close()
	all := map[string]Contact{}
	for rows.Next() {
		var person string
		var body []byte
		if err := rows.Scan(&person, &body); err != nil {
			return nil, fmt.Errorf("registry: read contacts: %w", err)
		}
		var c Contact
		if err := r.openRow(body, &c, contactParts(person)...); err != nil {
			return nil, err
		}
		all[person] = c
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read contacts: %w", err)
	}
	return all, nil
}

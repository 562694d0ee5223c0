package workflow

import (
	"context"
	"database/sql"
	"fmt"
)

// Concern notes that an instance is about the documents of those names.
func Concern(ctx context.Context, tx *sql.Tx, m Machine, id string, subjects ...string) error {
	for _, s := range subjects {
		_, err := tx.ExecContext(ctx, `INSERT INTO workflow_subjects (machine, id, subject) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, m.Name, id, s)
		if err != nil {
			return fmt.Errorf("workflow: concern %s %s: %w", m.Name, id, err)
		}
	}
	return nil
}

// Concerned returns the ids of the instances that are about subject, in order.
func Concerned(ctx context.Context, q Querier, m Machine, subject string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT id FROM workflow_subjects WHERE machine = ? AND subject = ? ORDER BY id`, m.Name, subject)
	if err != nil {
		return nil, fmt.Errorf("workflow: instances about %s: %w", subject, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("workflow: instances about %s: %w", subject, err)
		}
		all = append(all, id)
	}
	return all, rows.Err()
}

package registry

import (
	"context"
	"encoding/json"
	"fmt"
)

// ReleaseMarks is what is kept of a released result to recognize it by.
type ReleaseMarks struct {
	Run, Zone, Scenario string
	Sources             []string // datasets it was made of
	Key                 string   // which key made the marks
	Body                json.RawMessage
}

func (m ReleaseMarks) parts() []string { return []string{"release marks", m.Run, m.Zone, m.Scenario} }

// AddReleaseMarks keeps the marks of a result that is released in this
// transaction.
func (tx *Tx) AddReleaseMarks(m ReleaseMarks) error {
	body, err := tx.r.sealRow(m, m.parts()...)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO release_marks (run, zone, scenario, body) VALUES (?, ?, ?, ?)`, m.Run, m.Zone, m.Scenario, body)
	if err != nil {
		return fmt.Errorf("registry: store marks of %s: %w", m.Run, err)
	}
	return nil
}

// ReleaseMarks returns the marks of every result that was released to another
// scenario than the one named.
func (r *Registry) ReleaseMarks(ctx context.Context, scenario string) ([]ReleaseMarks, error) {
	rows, err := r.reader.QueryContext(ctx, `SELECT run, zone, scenario, body FROM release_marks WHERE scenario <> ? ORDER BY run`, scenario)
	if err != nil {
		return nil, fmt.Errorf("registry: read release marks: %w", err)
	}
	defer rows.Close()
	var all []ReleaseMarks
	for rows.Next() {
		var m ReleaseMarks
		var body []byte
		if err := rows.Scan(&m.Run, &m.Zone, &m.Scenario, &body); err != nil {
			return nil, fmt.Errorf("registry: read release marks: %w", err)
		}
		if err := r.openRow(body, &m, m.parts()...); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read release marks: %w", err)
	}
	return all, nil
}

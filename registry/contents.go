package registry

import (
	"context"
	"fmt"
)

// ReleaseContents are the keyed digests of the rows of a released result.
type ReleaseContents struct {
	Run, Zone string
	Key       string // which key made the digests
	Whole     string // of all rows together
	Rows      []byte // of each row
}

func (c ReleaseContents) parts() []string { return []string{"release contents", c.Run, c.Zone} }

// AddReleaseContents keeps the digests of a result that is released in this
// transaction.
func (tx *Tx) AddReleaseContents(c ReleaseContents) error {
	body, err := tx.r.sealRow(c, c.parts()...)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO release_contents (run, zone, body) VALUES (?, ?, ?)`, c.Run, c.Zone, body)
	if err != nil {
		return fmt.Errorf("registry: store contents of %s: %w", c.Run, err)
	}
	return nil
}

// ReleaseContents returns the digests of every result that a zone released.
func (r *Registry) ReleaseContents(ctx context.Context, zone string) ([]ReleaseContents, error) {
	rows, err := r.reader.QueryContext(ctx, `SELECT run, zone, body FROM release_contents WHERE zone = ? ORDER BY run`, zone)
	if err != nil {
		return nil, fmt.Errorf("registry: read release contents: %w", err)
	}
	defer rows.Close()
	var all []ReleaseContents
	for rows.Next() {
		var c ReleaseContents
		var body []byte
		if err := rows.Scan(&c.Run, &c.Zone, &body); err != nil {
			return nil, fmt.Errorf("registry: read release contents: %w", err)
		}
		if err := r.openRow(body, &c, c.parts()...); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read release contents: %w", err)
	}
	return all, nil
}

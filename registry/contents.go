package registry

import (
	"context"
	"fmt"
)

// ReleaseContents are the keyed digests of a released result.
type ReleaseContents struct {
	Run, Zone string
	Key       string // which key made the digests
	Whole     string // of all rows together
	Rows      []byte // of each row
	Columns   int    // 0 of results of before cells were kept
	Cells     []byte // of each cell, a column after the other; of large results of some rows
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

// EachReleaseContents calls f with the digests of every result that a zone released, in
// the order of their runs. f must not change the registry.
func (r *Registry) EachReleaseContents(ctx context.Context, zone string, f func(ReleaseContents) error) error {
	rows, err := r.reader.QueryContext(ctx, `SELECT run, zone, body FROM release_contents WHERE zone = ? ORDER BY run`, zone)
	if err != nil {
		return fmt.Errorf("registry: read release contents: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c ReleaseContents
		var body []byte
		if err := rows.Scan(&c.Run, &c.Zone, &body); err != nil {
			return fmt.Errorf("registry: read release contents: %w", err)
		}
		if err := r.openRow(body, &c, c.parts()...); err != nil {
			return err
		}
		if err := f(c); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("registry: read release contents: %w", err)
	}
	return nil
}

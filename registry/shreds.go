package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// What can be shredded.
const (
	ShredColumn    = "column"
	ShredVersion   = "version"
	ShredDataset   = "dataset"
	ShredZone      = "zone"
	ShredWorkspace = "workspace"
)

// The states of a Shred, in their order.
const (
	ShredOrdered   = "ORDERED"   // by one person
	ShredConfirmed = "CONFIRMED" // by another; from here on it is carried out, whatever happens
	ShredSwitched  = "SWITCHED"  // nobody is shown it any more; its keys are still to be destroyed
	ShredDone      = "DONE"
)

// A Shred is an order to destroy something for good and what became of it.
type Shred struct {
	ID, State, Kind              string
	Zone, Dataset, Version       string
	Column, Organization, Reason string

	OrderedBy, OrderedOrg     string
	OrderedAt                 time.Time
	ConfirmedBy, ConfirmedOrg string
	ConfirmedAt, DoneAt       time.Time

	// Space is whose keys end: the zone, or the workspace of the organization.
	Space string
	// Keys are the versions of its key that are destroyed.
	Keys []int
	// Manifests tell of each data version it touched.
	Manifests []ShredManifest
	// Runs are the runs whose statements and results are destroyed.
	Runs []string
	// Outputs are what was made of what is shredded, nil until that was looked for.
	Outputs *ShredOutputs `json:",omitempty"`
}

// ShredOutputs are runs by what became of their outputs: those that waited and were
// withdrawn, those that had left before, which nobody calls back, and those that had
// left and of which nothing says any more what they were made of.
type ShredOutputs struct{ Withdrawn, Released, Unknown []string }

// Withdrawn returns the runs whose outputs ended with it.
func (s Shred) Withdrawn() []string {
	if s.Outputs == nil {
		return nil
	}
	return s.Outputs.Withdrawn
}

// ShredManifest is a data version before and after: After is "" if nothing of it
// can be read any more.
type ShredManifest struct{ Dataset, Version, Before, After string }

// PutShred stores s in place of what was stored under its id.
func (tx *Tx) PutShred(s Shred) error {
	body, err := tx.r.sealRow(s, "shred", s.ID, s.State)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO shreds (id, state, body) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body`, s.ID, s.State, body)
	if err != nil {
		return fmt.Errorf("registry: store shred %s: %w", s.ID, err)
	}
	return nil
}

// Shred returns the order of that id as this transaction sees it, or ErrNotFound.
func (tx *Tx) Shred(id string) (Shred, error) { return tx.r.shred(tx.ctx, tx.sql, id) }

// Shred returns the order of that id, or ErrNotFound.
func (r *Registry) Shred(ctx context.Context, id string) (Shred, error) {
	return r.shred(ctx, r.reader, id)
}

func (r *Registry) shred(ctx context.Context, q querier, id string) (Shred, error) {
	var state string
	var body []byte
	err := q.QueryRowContext(ctx, `SELECT state, body FROM shreds WHERE id = ?`, id).Scan(&state, &body)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Shred{}, fmt.Errorf("registry: shred %s: %w", id, err)
	}
	var s Shred
	return s, r.openRow(body, &s, "shred", id, state)
}

// Shreds returns every order, by id.
func (r *Registry) Shreds(ctx context.Context) ([]Shred, error) {
	rows, err := r.reader.QueryContext(ctx, `SELECT id, state, body FROM shreds ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("registry: list shreds: %w", err)
	}
	defer rows.Close()
	var all []Shred
	for rows.Next() {
		var id, state string
		var body []byte
		var s Shred
		if err := rows.Scan(&id, &state, &body); err != nil {
			return nil, fmt.Errorf("registry: list shreds: %w", err)
		}
		if err := r.openRow(body, &s, "shred", id, state); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: list shreds: %w", err)
	}
	return all, nil
}

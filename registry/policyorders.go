package registry

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"
)

// PolicyOrder is what one person orders of the rules that decide, and another
// confirms: that a signed bundle come into force, or that the one before it do again.
type PolicyOrder struct {
	ID       string
	Revision int64 // of the bundle; 0 is none, for a return to the rules of the program alone
	Digest   string
	Archive  []byte `json:",omitempty"` // nil for a return
	Signer   string // of the archive
	Key      []byte // the signer's public key when it was published
	Reason   string // of a return

	// Step is its place among the orders that were confirmed, from 1; 0 until then.
	Step int64
	// From is when it comes into force.
	From time.Time

	By, Org      string
	Roles        []string
	At           time.Time
	ConfirmedBy  string
	ConfirmedOrg string
	ConfirmedAt  time.Time
}

// Returns reports whether the order brings an earlier bundle back.
func (o PolicyOrder) Returns() bool { return o.Archive == nil }

func (o PolicyOrder) parts() []string {
	return []string{"policy order", o.ID, strconv.FormatInt(o.Step, 10)}
}

// PutPolicyOrder stores o in place of what was stored under its id.
func (tx *Tx) PutPolicyOrder(o PolicyOrder) error {
	body, err := tx.r.sealRow(o, o.parts()...)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO policy_orders (id, step, body) VALUES (?1, nullif(?2, 0), ?3)
		ON CONFLICT (id) DO UPDATE SET step = excluded.step, body = excluded.body`, o.ID, o.Step, body)
	if err != nil {
		return fmt.Errorf("registry: store policy order %s: %w", o.ID, err)
	}
	return nil
}

// PolicyOrders returns every order, those that were confirmed by their steps and
// then the others by id.
func (tx *Tx) PolicyOrders() ([]PolicyOrder, error) { return tx.r.policyOrders(tx.ctx, tx.sql) }

// PolicyOrders is Tx.PolicyOrders outside a transaction.
func (r *Registry) PolicyOrders(ctx context.Context) ([]PolicyOrder, error) {
	return r.policyOrders(ctx, r.reader)
}

func (r *Registry) policyOrders(ctx context.Context, q querier) ([]PolicyOrder, error) {
	rows, err := q.QueryContext(ctx, `SELECT id, step, body FROM policy_orders ORDER BY step IS NULL, step, id`)
	if err != nil {
		return nil, fmt.Errorf("registry: list policy orders: %w", err)
	}
	defer rows.Close()
	var all []PolicyOrder
	for rows.Next() {
		var id string
		var step sql.NullInt64
		var body []byte
		if err := rows.Scan(&id, &step, &body); err != nil {
			return nil, fmt.Errorf("registry: list policy orders: %w", err)
		}
		var o PolicyOrder
		if err := r.openRow(body, &o, PolicyOrder{ID: id, Step: step.Int64}.parts()...); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: list policy orders: %w", err)
	}
	return all, nil
}

// PolicyOrder returns the order of that id, or ErrNotFound.
func (r *Registry) PolicyOrder(ctx context.Context, id string) (PolicyOrder, error) {
	all, err := r.PolicyOrders(ctx)
	for _, o := range all {
		if err == nil && o.ID == id {
			return o, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("registry: policy order: %w", ErrNotFound)
	}
	return PolicyOrder{}, err
}

package workflow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Querier is what *sql.Tx, *sql.DB and *sql.Conn share for reading.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Instance is one request on its way through a machine.
type Instance struct {
	Machine, ID             string
	State                   State
	Requester, RequesterOrg string
	Input                   string    // digest of what is approved, "" before
	Until                   time.Time // end of the approval, zero for none
	StartedAt, MovedAt      time.Time
	Parties                 []Party
	History                 []Step
}

// Step is one move that was made.
type Step struct {
	Move            string
	From, To        State
	User, Org, Role string
	Review          bool
	At              time.Time
	Code            string
	Text            []byte
}

const selectInstance = `SELECT machine, id, state, requester, requester_org, input, until, started_at, moved_at FROM workflow_instances `

func scanInstance(row interface{ Scan(...any) error }) (Instance, error) {
	var in Instance
	var until, started, moved int64
	err := row.Scan(&in.Machine, &in.ID, &in.State, &in.Requester, &in.RequesterOrg, &in.Input, &until, &started, &moved)
	in.Until, in.StartedAt, in.MovedAt = fromNanos(until), fromNanos(started), fromNanos(moved)
	return in, err
}

// Get returns an instance with its parties and history, or ErrNotFound.
func Get(ctx context.Context, q Querier, m Machine, id string) (Instance, error) {
	in, err := scanInstance(q.QueryRowContext(ctx, selectInstance+`WHERE machine = ? AND id = ?`, m.Name, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Instance{}, ErrNotFound
	}
	if err != nil {
		return Instance{}, fmt.Errorf("workflow: get %s %s: %w", m.Name, id, err)
	}
	if in.Parties, err = parties(ctx, q, m, id); err != nil {
		return Instance{}, fmt.Errorf("workflow: get %s %s: %w", m.Name, id, err)
	}
	if in.History, err = history(ctx, q, m, id); err != nil {
		return Instance{}, fmt.Errorf("workflow: get %s %s: %w", m.Name, id, err)
	}
	return in, nil
}

func parties(ctx context.Context, q Querier, m Machine, id string) ([]Party, error) {
	rows, err := q.QueryContext(ctx, `SELECT role, org FROM workflow_parties WHERE machine = ? AND id = ? ORDER BY role, org`, m.Name, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Party
	for rows.Next() {
		var p Party
		if err := rows.Scan(&p.Role, &p.Org); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

func history(ctx context.Context, q Querier, m Machine, id string) ([]Step, error) {
	rows, err := q.QueryContext(ctx, `SELECT move, from_state, to_state, user, org, role, review, at, code, text
		FROM workflow_moves WHERE machine = ? AND id = ? ORDER BY seq`, m.Name, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Step
	for rows.Next() {
		var s Step
		var at int64
		if err := rows.Scan(&s.Move, &s.From, &s.To, &s.User, &s.Org, &s.Role, &s.Review, &at, &s.Code, &s.Text); err != nil {
			return nil, err
		}
		s.At = fromNanos(at)
		all = append(all, s)
	}
	return all, rows.Err()
}

// Queue returns the instances in any of the states, oldest first, without
// parties and history. No states means all.
func Queue(ctx context.Context, q Querier, m Machine, states ...State) ([]Instance, error) {
	where, args := `WHERE machine = ?`, []any{m.Name}
	if len(states) > 0 {
		where += ` AND state IN (?` + strings.Repeat(`, ?`, len(states)-1) + `)`
		for _, s := range states {
			args = append(args, s)
		}
	}
	rows, err := q.QueryContext(ctx, selectInstance+where+` ORDER BY started_at, id`, args...)
	if err != nil {
		return nil, fmt.Errorf("workflow: queue %s: %w", m.Name, err)
	}
	defer rows.Close()
	var all []Instance
	for rows.Next() {
		in, err := scanInstance(rows)
		if err != nil {
			return nil, fmt.Errorf("workflow: queue %s: %w", m.Name, err)
		}
		all = append(all, in)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("workflow: queue %s: %w", m.Name, err)
	}
	return all, nil
}

// Started counts the instances that people of an organization started since a time.
func Started(ctx context.Context, q Querier, m Machine, org string, since time.Time) (n int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT count(*) FROM workflow_instances WHERE machine = ? AND requester_org = ? AND started_at > ?`,
		m.Name, org, since.UnixNano()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("workflow: count %s: %w", m.Name, err)
	}
	return n, nil
}

// Standing returns the moves since the instance was frozen last: no approval of
// before counts.
func (in Instance) Standing() []Step {
	for i := len(in.History) - 1; i >= 0; i-- {
		if in.History[i].To == Frozen {
			return in.History[i+1:]
		}
	}
	return in.History
}

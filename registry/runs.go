package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Run is one registered query. Who asked, where and under which scenario never
// change; its state lives in the workflow.
type Run struct {
	ID       string
	User     string
	Zone     string
	Scenario string
	// CreatedAt is set when the run is first saved.
	CreatedAt time.Time
	// Request holds the statement and its parameters, Decision what was decided
	// on it, both in the caller's own encoding and both encrypted at rest.
	Request  []byte
	Decision []byte
}

type runBody struct{ Request, Decision []byte }

// SaveRun stores run. Saving it again replaces its decision only: another user,
// zone, scenario or request under the same id is ErrConflict.
func (tx *Tx) SaveRun(run Run) error {
	switch old, err := tx.r.loadRun(tx.ctx, tx.sql, run.ID); {
	case errors.Is(err, ErrNotFound):
		run.CreatedAt = tx.at
	case err != nil:
		return err
	case old.User != run.User || old.Zone != run.Zone || old.Scenario != run.Scenario || string(old.Request) != string(run.Request):
		return fmt.Errorf("registry: save run %s: %w", run.ID, ErrConflict)
	default:
		run.CreatedAt = old.CreatedAt
	}
	body, err := tx.r.sealRow(runBody{run.Request, run.Decision}, "run", run.ID, run.User, run.Zone, run.Scenario)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx,
		`INSERT INTO runs (id, user, zone, scenario, created_at, body) VALUES (?, ?, ?, ?, ?, ?)
		 ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
		run.ID, run.User, run.Zone, run.Scenario, run.CreatedAt.UnixNano(), body)
	if err != nil {
		return fmt.Errorf("registry: save run %s: %w", run.ID, err)
	}
	return nil
}

// SaveRun stores run in a transaction of its own.
func (r *Registry) SaveRun(ctx context.Context, run Run) error {
	return r.Update(ctx, func(tx *Tx) error { return tx.SaveRun(run) })
}

// LoadRun returns the run id, or ErrNotFound.
func (r *Registry) LoadRun(ctx context.Context, id string) (Run, error) {
	return r.loadRun(ctx, r.reader, id)
}

const selectRun = `SELECT id, user, zone, scenario, created_at, body FROM runs `

func (r *Registry) loadRun(ctx context.Context, q querier, id string) (Run, error) {
	run, err := r.scanRun(q.QueryRowContext(ctx, selectRun+`WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Run{}, fmt.Errorf("registry: load run %s: %w", id, err)
	}
	return run, nil
}

func (r *Registry) scanRun(row interface{ Scan(...any) error }) (Run, error) {
	var run Run
	var created int64
	var sealed []byte
	if err := row.Scan(&run.ID, &run.User, &run.Zone, &run.Scenario, &created, &sealed); err != nil {
		return Run{}, err
	}
	var body runBody
	if err := r.openRow(sealed, &body, "run", run.ID, run.User, run.Zone, run.Scenario); err != nil {
		return Run{}, err
	}
	run.CreatedAt, run.Request, run.Decision = time.Unix(0, created).UTC(), body.Request, body.Decision
	return run, nil
}

// ListRuns returns the runs of user, newest first, at most limit of them; an
// empty user means everybody's.
func (r *Registry) ListRuns(ctx context.Context, user string, limit int) ([]Run, error) {
	rows, err := r.reader.QueryContext(ctx,
		selectRun+`WHERE ?1 = '' OR user = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2`, user, limit)
	if err != nil {
		return nil, fmt.Errorf("registry: list runs: %w", err)
	}
	defer rows.Close()
	var all []Run
	for rows.Next() {
		run, err := r.scanRun(rows)
		if err != nil {
			return nil, fmt.Errorf("registry: list runs: %w", err)
		}
		all = append(all, run)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: list runs: %w", err)
	}
	return all, nil
}

// CountRuns returns how many runs user started at or after since.
func (r *Registry) CountRuns(ctx context.Context, user string, since time.Time) (int64, error) {
	var n int64
	err := r.reader.QueryRowContext(ctx, `SELECT count(*) FROM runs WHERE user = ? AND created_at >= ?`, user, since.UnixNano()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("registry: count runs: %w", err)
	}
	return n, nil
}

package registry

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
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
	// Organization is the operator's whose license the run is under when it is first
	// saved: what was asked is sealed in the workspace of that one.
	Organization string
	// InPlaceOf is the run in whose place a reviewer had this one run; it is nobody's
	// question, and counts for nobody.
	InPlaceOf string
	// Shredded says that the workspace was destroyed, and Request and Decision with it.
	Shredded bool
}

type runBody struct{ Request, Decision []byte }

// Workspaces seal what organizations made, each in a space of its own that can be
// destroyed. Open returns an error wrapping ErrShredded for what was.
type Workspaces interface {
	Seal(organization string, plaintext, aad []byte) ([]byte, error)
	Open(organization string, sealed, aad []byte) ([]byte, error)
}

// ErrShredded means that the keys of what was sealed were destroyed.
var ErrShredded = errors.New("destroyed")

// workspaceRow begins the body of a run that is sealed in a workspace: the length
// of the organization's name in one byte follows, the name, and what Seal gave.
// Other bodies are the registry's own; the first byte of what its AEAD gives is
// never this one's by more than chance, and then nothing opens.
var workspaceRow = []byte("zonebox workspace 1\n")

// parts name a run to what seals it.
func (run Run) parts() []string {
	parts := []string{"run", run.ID, run.User, run.Zone, run.Scenario}
	if run.InPlaceOf != "" {
		parts = append(parts, run.InPlaceOf)
	}
	return parts
}

// sealRun encrypts the body of a run.
func (r *Registry) sealRun(run Run) ([]byte, error) {
	return r.sealInside(run.Organization, runBody{run.Request, run.Decision}, run.parts()...)
}

// openRun opens the body of a run into it.
func (r *Registry) openRun(run *Run, sealed []byte) (err error) {
	var body runBody
	run.Organization, run.Shredded, err = r.openInside(sealed, &body, run.parts()...)
	run.Request, run.Decision = body.Request, body.Decision
	return err
}

// sealInside encrypts the JSON form of v for the row named by parts, in the workspace of
// organization. Without one, or without workspaces, it is the registry's own.
func (r *Registry) sealInside(organization string, v any, parts ...string) ([]byte, error) {
	if r.cfg.Workspaces == nil || organization == "" {
		return r.sealRow(v, parts...)
	}
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("registry: encode %s: %w", parts[0], err)
	}
	sealed, err := r.cfg.Workspaces.Seal(organization, plain, aad(parts...))
	if err != nil {
		return nil, fmt.Errorf("registry: seal %s: %w", parts[0], err)
	}
	if len(organization) > 255 {
		return nil, fmt.Errorf("registry: seal %s: name of %d bytes: %w", parts[0], len(organization), ErrCorrupt)
	}
	out := append(bytes.Clone(workspaceRow), byte(len(organization)))
	return append(append(out, organization...), sealed...), nil
}

// openInside decrypts into v what sealInside encrypted for the row named by parts, and
// returns the organization in whose workspace it lies. Of a workspace that was destroyed
// shredded is true, and v as it was.
func (r *Registry) openInside(sealed []byte, v any, parts ...string) (organization string, shredded bool, err error) {
	rest, inside := bytes.CutPrefix(sealed, workspaceRow)
	if !inside {
		return "", false, r.openRow(sealed, v, parts...)
	}
	if len(rest) == 0 || len(rest) < 1+int(rest[0]) || r.cfg.Workspaces == nil {
		return "", false, fmt.Errorf("registry: %s %s: %w", parts[0], parts[1], ErrCorrupt)
	}
	organization = string(rest[1 : 1+int(rest[0])])
	plain, err := r.cfg.Workspaces.Open(organization, rest[1+int(rest[0]):], aad(parts...))
	if errors.Is(err, ErrShredded) {
		return organization, true, nil
	}
	if err != nil {
		return organization, false, fmt.Errorf("registry: %s %s: %w", parts[0], parts[1], err)
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return organization, false, fmt.Errorf("registry: %s %s: %w", parts[0], parts[1], ErrCorrupt)
	}
	return organization, false, nil
}

// ForgetRuns takes out what was asked under an operator's licenses and what was
// decided on it, those of before there were workspaces too, and returns the runs.
// That they were is left.
func (tx *Tx) ForgetRuns(organization string) ([]Run, error) {
	rows, err := tx.sql.QueryContext(tx.ctx, selectRun+`ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("registry: forget runs: %w", err)
	}
	defer rows.Close()
	var all []Run
	for rows.Next() {
		run, err := tx.r.scanRun(rows)
		if err != nil {
			return nil, fmt.Errorf("registry: forget runs: %w", err)
		}
		if run.Organization == "" { // from before there were workspaces
			p, err := load[Person](tx.ctx, tx.r, tx.sql, KindPerson, run.User)
			if err != nil {
				return nil, err
			}
			run.Organization = p.Spec.Organization
		}
		if run.Organization == organization {
			all = append(all, run)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: forget runs: %w", err)
	}
	for _, run := range all {
		empty := append(bytes.Clone(workspaceRow), byte(len(organization)))
		empty = append(empty, organization...)
		if _, err := tx.sql.ExecContext(tx.ctx, `UPDATE runs SET body = ? WHERE id = ?`, empty, run.ID); err != nil {
			return nil, fmt.Errorf("registry: forget run %s: %w", run.ID, err)
		}
	}
	return all, nil
}

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
		run.CreatedAt, run.Organization, run.InPlaceOf = old.CreatedAt, old.Organization, old.InPlaceOf
	}
	body, err := tx.r.sealRun(run)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx,
		`INSERT INTO runs (id, user, zone, scenario, created_at, in_place_of, body) VALUES (?, ?, ?, ?, ?, ?, ?)
		 ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
		run.ID, run.User, run.Zone, run.Scenario, run.CreatedAt.UnixNano(), run.InPlaceOf, body)
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

const selectRun = `SELECT id, user, zone, scenario, created_at, in_place_of, body FROM runs `

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
	if err := row.Scan(&run.ID, &run.User, &run.Zone, &run.Scenario, &created, &run.InPlaceOf, &sealed); err != nil {
		return Run{}, err
	}
	run.CreatedAt = time.Unix(0, created).UTC()
	return run, r.openRun(&run, sealed)
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

// CountRuns returns how many runs user started at or after since, but for those that
// reviewers had run.
func (r *Registry) CountRuns(ctx context.Context, user string, since time.Time) (int64, error) {
	return r.countRuns(ctx, `user = ? AND created_at >= ? AND in_place_of = ''`, user, since.UnixNano())
}

// CountInPlace returns how many runs reviewers had run since a time in the place of those
// of people of an organization.
func (r *Registry) CountInPlace(ctx context.Context, organization string, since time.Time) (int64, error) {
	return r.countRuns(ctx, `created_at > ? AND in_place_of <> '' AND user IN (SELECT name FROM documents WHERE kind = ? AND parent = ?)`,
		since.UnixNano(), KindPerson, organization)
}

func (r *Registry) countRuns(ctx context.Context, where string, args ...any) (n int64, err error) {
	if err := r.reader.QueryRowContext(ctx, `SELECT count(*) FROM runs WHERE `+where, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("registry: count runs: %w", err)
	}
	return n, nil
}

// SealRuns seals in workspaces what runs asked before there were any.
func (r *Registry) SealRuns(ctx context.Context) error {
	if r.cfg.Workspaces == nil {
		return nil
	}
	rows, err := r.reader.QueryContext(ctx, selectRun+`WHERE substr(body, 1, ?) <> ?`, len(workspaceRow), workspaceRow)
	if err != nil {
		return fmt.Errorf("registry: seal runs: %w", err)
	}
	defer rows.Close()
	var all []Run
	for rows.Next() {
		run, err := r.scanRun(rows)
		if err != nil {
			return fmt.Errorf("registry: seal runs: %w", err)
		}
		all = append(all, run)
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		return err
	}
	return r.Update(ctx, func(tx *Tx) error {
		for _, run := range all {
			p, err := load[Person](ctx, r, tx.sql, KindPerson, run.User)
			if err != nil {
				return err
			}
			run.Organization = p.Spec.Organization
			body, err := r.sealRun(run)
			if err != nil {
				return err
			}
			if _, err := tx.sql.ExecContext(ctx, `UPDATE runs SET body = ? WHERE id = ?`, body, run.ID); err != nil {
				return fmt.Errorf("registry: seal run %s: %w", run.ID, err)
			}
		}
		return nil
	})
}

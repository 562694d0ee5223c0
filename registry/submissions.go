package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Submission is a question that was handed in to be asked, and how it ended. Whose it
// is, the key its sender knows it by and the run never change.
type Submission struct {
	ID   string
	User string
	Key  string
	Run  string // the run that is its own; that which it resumes if it resumes one
	// CreatedAt is set when it is first saved.
	CreatedAt time.Time
	// EndedAt is when it ended; zero before.
	EndedAt time.Time
	// Organization is the operator's in whose workspace it is sealed; empty if it names
	// nobody's scenario.
	Organization string
	// Shredded says that the workspace was destroyed, and all that follows with it.
	Shredded bool

	SubmissionBody
}

// SubmissionBody is what of a submission is encrypted at rest.
type SubmissionBody struct {
	Request []byte // in the caller's encoding; nil once it has ended
	Digest  []byte // of the request, for good
	Outcome []byte // in the caller's encoding; nil before it has ended

	Person int64  // the version of the person's document then
	APIKey string // by which it was handed in; empty if by none

	CalledOff bool // whatever it is doing, it is to end
	Again     int  // how many gates after the first began with it and did not end in order
}

func (s Submission) parts() []string { return []string{"submission", s.ID, s.User, s.Key, s.Run} }

// SaveSubmission stores s. Saving it again replaces its body and its end; one of the
// same person with the same key and another id is ErrConflict.
func (tx *Tx) SaveSubmission(s Submission) error {
	body, err := tx.r.sealInside(s.Organization, s.SubmissionBody, s.parts()...)
	if err != nil {
		return err
	}
	ended := int64(0)
	if !s.EndedAt.IsZero() {
		ended = s.EndedAt.UnixNano()
	}
	res, err := tx.sql.ExecContext(tx.ctx,
		`INSERT INTO submissions (id, user, key, run, created_at, ended_at, body) VALUES (?, ?, ?, ?, ?, ?, ?)
		 ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, body = excluded.body
		 ON CONFLICT (user, key) DO NOTHING`,
		s.ID, s.User, s.Key, s.Run, tx.at.UnixNano(), ended, body)
	if err != nil {
		return fmt.Errorf("registry: save submission %s: %w", s.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return fmt.Errorf("registry: save submission %s: %w", s.ID, errors.Join(ErrConflict, err))
	}
	return nil
}

// ForgetSubmissions takes out those that ended before a time, and of those of a person
// that ended all but the latest most. Their ids sort by time.
func (tx *Tx) ForgetSubmissions(before time.Time, user string, most int) error {
	_, err := tx.sql.ExecContext(tx.ctx, `DELETE FROM submissions WHERE ended_at > 0 AND (ended_at < ? OR
		user = ? AND id <= (SELECT id FROM submissions WHERE user = ? ORDER BY id DESC LIMIT 1 OFFSET ?))`, before.UnixNano(), user, user, most)
	if err != nil {
		return fmt.Errorf("registry: forget submissions: %w", err)
	}
	return nil
}

const selectSubmission = `SELECT id, user, key, run, created_at, ended_at, body FROM submissions `

// SubmissionByID returns a submission, or ErrNotFound.
func (r *Registry) SubmissionByID(ctx context.Context, id string) (Submission, error) {
	return r.submission(ctx, r.reader, `WHERE id = ?`, id)
}

// SubmissionByID is Registry.SubmissionByID as the transaction sees it.
func (tx *Tx) SubmissionByID(id string) (Submission, error) {
	return tx.r.submission(tx.ctx, tx.sql, `WHERE id = ?`, id)
}

// SubmissionByKey returns the submission that user handed in under key, or ErrNotFound.
func (r *Registry) SubmissionByKey(ctx context.Context, user, key string) (Submission, error) {
	return r.submission(ctx, r.reader, `WHERE user = ? AND key = ?`, user, key)
}

func (r *Registry) submission(ctx context.Context, q querier, where string, args ...any) (Submission, error) {
	s, err := r.scanSubmission(q.QueryRowContext(ctx, selectSubmission+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Submission{}, fmt.Errorf("registry: load submission: %w", err)
	}
	return s, nil
}

// OpenSubmissions returns those that have not ended, in the order they came.
func (r *Registry) OpenSubmissions(ctx context.Context) ([]Submission, error) {
	rows, err := r.reader.QueryContext(ctx, selectSubmission+`WHERE ended_at = 0 ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("registry: open submissions: %w", err)
	}
	defer rows.Close()
	var all []Submission
	for rows.Next() {
		s, err := r.scanSubmission(rows)
		if err != nil {
			return nil, fmt.Errorf("registry: open submissions: %w", err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: open submissions: %w", err)
	}
	return all, nil
}

func (r *Registry) scanSubmission(row interface{ Scan(...any) error }) (Submission, error) {
	var s Submission
	var created, ended int64
	var sealed []byte
	if err := row.Scan(&s.ID, &s.User, &s.Key, &s.Run, &created, &ended, &sealed); err != nil {
		return Submission{}, err
	}
	s.CreatedAt = time.Unix(0, created).UTC()
	if ended > 0 {
		s.EndedAt = time.Unix(0, ended).UTC()
	}
	var err error
	s.Organization, s.Shredded, err = r.openInside(sealed, &s.SubmissionBody, s.parts()...)
	return s, err
}

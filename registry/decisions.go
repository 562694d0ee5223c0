package registry

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// keptDecisions is how many decisions are kept; the oldest make room. The audit log
// keeps its entry of each.
const keptDecisions = 100_000

// RecordedDecision is one decision and the facts it was made on.
type RecordedDecision struct {
	At       time.Time
	Run      string // or the load, or the version that was previewed
	Action   string
	Zone     string
	Operator string // organization; of a delivery or preview, whose person it was
	Scenario string
	// User, Template and Revision say what the registry was asked for and when: its
	// facts can be read again as they were. Revision is 0 of what was decided before
	// it was recorded.
	User, Template string
	Revision       int64
	// ID, Verdict, Codes, Bundle and Digest are of the decision; only Codes is there
	// if the question was refused before there was one.
	ID, Verdict, Bundle, Digest string
	Binding                     string   // what its approvals bound
	Codes                       []string // of the reasons
	Input                       []byte   // as the caller packs it; nil if there was no decision
}

func decisionParts(at int64) []string { return []string{"decision", strconv.FormatInt(at, 10)} }

// RecordDecision keeps d as of the time of the transaction.
func (tx *Tx) RecordDecision(d RecordedDecision) error {
	d.At = tx.at
	body, err := tx.r.sealRow(d, decisionParts(tx.at.Unix())...)
	if err != nil {
		return err
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `INSERT INTO decisions (at, body) VALUES (?, ?)`, tx.at.Unix(), body); err != nil {
		return fmt.Errorf("registry: record decision: %w", err)
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `DELETE FROM decisions WHERE seq <= (SELECT max(seq) FROM decisions) - ?`, keptDecisions); err != nil {
		return fmt.Errorf("registry: forget decisions: %w", err)
	}
	return nil
}

// Decisions returns the newest decisions from one time to before another, at most
// limit, the oldest of them first.
func (r *Registry) Decisions(ctx context.Context, from, until time.Time, limit int) ([]RecordedDecision, error) {
	rows, err := r.reader.QueryContext(ctx, `SELECT at, body FROM (SELECT seq, at, body FROM decisions WHERE at >= ? AND at < ? ORDER BY seq DESC LIMIT ?) ORDER BY seq`,
		from.Unix(), until.Unix(), limit)
	if err != nil {
		return nil, fmt.Errorf("registry: read decisions: %w", err)
	}
	defer rows.Close()
	var all []RecordedDecision
	for rows.Next() {
		var at int64
		var body []byte
		var d RecordedDecision
		if err := rows.Scan(&at, &body); err != nil {
			return nil, fmt.Errorf("registry: read decisions: %w", err)
		}
		if err := r.openRow(body, &d, decisionParts(at)...); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read decisions: %w", err)
	}
	return all, nil
}

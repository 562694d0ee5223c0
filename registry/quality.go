package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// DataHeld is the kind of the first event of a version that was not made current
// when it was loaded.
const DataHeld = dataHeld

// QualityReport is what one check found of a data version, in the encoding of
// whoever checks.
type QualityReport struct {
	Zone, Dataset, Version string
	Revision               int64 // of the transaction that added it
	At                     time.Time
	Cause                  string // load, run or daily
	Body                   json.RawMessage
}

func (q QualityReport) parts() []string {
	return []string{"quality", q.Zone, q.Dataset, q.Version, strconv.FormatInt(q.Revision, 10), strconv.FormatInt(q.At.UnixNano(), 10), q.Cause}
}

// AddQualityReport keeps a report for good; its revision and time are those of
// the transaction, which adds one of a dataset.
func (tx *Tx) AddQualityReport(q QualityReport) error {
	q.Revision, q.At = tx.revision, tx.at
	body, err := tx.r.sealRow(q.Body, q.parts()...)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO quality_reports (zone, dataset, revision, version, at, cause, body) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		q.Zone, q.Dataset, q.Revision, q.Version, q.At.UnixNano(), q.Cause, body)
	if err != nil {
		return fmt.Errorf("registry: store quality report of %s: %w", q.Dataset, err)
	}
	return nil
}

// QualityReports returns the reports of a dataset, the newest first, at most
// limit of them; version "" means of every version.
func (r *Registry) QualityReports(ctx context.Context, zone, dataset, version string, limit int) ([]QualityReport, error) {
	rows, err := r.reader.QueryContext(ctx, `SELECT revision, version, at, cause, body FROM quality_reports
		WHERE zone = ?1 AND dataset = ?2 AND (?3 = '' OR version = ?3) ORDER BY revision DESC LIMIT ?4`, zone, dataset, version, limit)
	if err != nil {
		return nil, fmt.Errorf("registry: read quality reports of %s: %w", dataset, err)
	}
	defer rows.Close()
	var all []QualityReport
	for rows.Next() {
		q := QualityReport{Zone: zone, Dataset: dataset}
		var at int64
		var body []byte
		if err := rows.Scan(&q.Revision, &q.Version, &at, &q.Cause, &body); err != nil {
			return nil, fmt.Errorf("registry: read quality reports of %s: %w", dataset, err)
		}
		q.At = time.Unix(0, at).UTC()
		if err := r.openRow(body, &q.Body, q.parts()...); err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read quality reports of %s: %w", dataset, err)
	}
	return all, nil
}

// QualityRulesOf returns the rules of a dataset in force, or ErrNotFound.
func (r *Registry) QualityRulesOf(ctx context.Context, dataset string) (Versioned[QualityRules], error) {
	return load[QualityRules](ctx, r, r.reader, KindQualityRules, dataset)
}

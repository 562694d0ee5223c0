package registry

import "fmt"

// TellEvidence notes that it was told that a certificate of a license's operator ends on
// the day until, or has ended, and reports whether nobody had noted it.
func (tx *Tx) TellEvidence(license, kind, until, state string) (bool, error) {
	res, err := tx.sql.ExecContext(tx.ctx, `INSERT INTO evidence_told (license, kind, until, state, told_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		license, kind, until, state, tx.Now().UnixNano())
	if err != nil {
		return false, fmt.Errorf("registry: tell of evidence under %s: %w", license, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

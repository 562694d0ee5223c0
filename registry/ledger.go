package registry

import (
	"context"
	"fmt"
)

// What became of an output that the ledger of a dataset has an entry of.
const (
	LedgerReserved = "RESERVED" // it waits, and may leave
	LedgerKept     = "KEPT"     // it left
	LedgerVoid     = "VOID"     // it never will
)

// LedgerEntry says that an output shows something of a dataset: what, says a file.
type LedgerEntry struct {
	Run, Zone, Dataset string
	Version            string // of the data
	// Measures are what it shows figures of, by name: the columns they are computed from.
	Measures map[string][]string
	Digest   string // SHA-256 of the file, hex
	State    string
}

func (l LedgerEntry) parts() []string { return []string{"ledger entry", l.Run, l.Zone, l.Dataset} }

// AddLedgerEntry reserves what an output shows, until it leaves or ends.
func (tx *Tx) AddLedgerEntry(l LedgerEntry) error {
	l.State = LedgerReserved
	body, err := tx.r.sealRow(l, l.parts()...)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO ledger_entries (run, zone, dataset, body) VALUES (?, ?, ?, ?)`, l.Run, l.Zone, l.Dataset, body)
	if err != nil {
		return fmt.Errorf("registry: store ledger entry of %s: %w", l.Run, err)
	}
	return nil
}

// SettleLedger makes the entries of a run, if it has any, LedgerKept or LedgerVoid.
func (tx *Tx) SettleLedger(run, state string) error {
	all, err := tx.r.ledgerEntries(tx.ctx, tx.sql, `WHERE run = ?`, run)
	if err != nil {
		return err
	}
	for _, l := range all {
		l.State = state
		body, err := tx.r.sealRow(l, l.parts()...)
		if err != nil {
			return err
		}
		if _, err := tx.sql.ExecContext(tx.ctx, `UPDATE ledger_entries SET body = ? WHERE run = ? AND dataset = ?`, body, l.Run, l.Dataset); err != nil {
			return fmt.Errorf("registry: settle ledger entry of %s: %w", run, err)
		}
	}
	return nil
}

// LedgerEntries returns the entries of a dataset in the order of their runs, of every
// dataset if zone and dataset are empty.
func (r *Registry) LedgerEntries(ctx context.Context, zone, dataset string) ([]LedgerEntry, error) {
	return r.ledgerEntries(ctx, r.reader, `WHERE ?1 = '' OR zone = ?1 AND dataset = ?2 ORDER BY run, dataset`, zone, dataset)
}

func (r *Registry) ledgerEntries(ctx context.Context, q querier, where string, args ...any) ([]LedgerEntry, error) {
	rows, err := q.QueryContext(ctx, `SELECT run, zone, dataset, body FROM ledger_entries `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("registry: read ledger: %w", err)
	}
	defer rows.Close()
	var all []LedgerEntry
	for rows.Next() {
		var l LedgerEntry
		var body []byte
		if err := rows.Scan(&l.Run, &l.Zone, &l.Dataset, &body); err != nil {
			return nil, fmt.Errorf("registry: read ledger: %w", err)
		}
		if err := r.openRow(body, &l, l.parts()...); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read ledger: %w", err)
	}
	return all, nil
}

// LedgerLineage says that rows of a version are numbered for a measure: how, says a
// file.
type LedgerLineage struct {
	Zone, Dataset, File string
	Version, Measure    string
	Digest              string // SHA-256 of the file, hex
}

func (l LedgerLineage) parts() []string {
	return []string{"ledger lineage", l.Zone, l.Dataset, l.File}
}

// AddLedgerLineage adds l behind the lineages of its dataset.
func (tx *Tx) AddLedgerLineage(l LedgerLineage) error {
	body, err := tx.r.sealRow(l, l.parts()...)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO ledger_lineages (zone, dataset, file, body) VALUES (?, ?, ?, ?)`, l.Zone, l.Dataset, l.File, body)
	if err != nil {
		return fmt.Errorf("registry: store lineage of %s: %w", l.Dataset, err)
	}
	return nil
}

// LedgerLineages returns the lineages of a dataset, the first first, of every dataset
// if zone and dataset are empty.
func (r *Registry) LedgerLineages(ctx context.Context, zone, dataset string) ([]LedgerLineage, error) {
	rows, err := r.reader.QueryContext(ctx,
		`SELECT zone, dataset, file, body FROM ledger_lineages WHERE ?1 = '' OR zone = ?1 AND dataset = ?2 ORDER BY id`, zone, dataset)
	if err != nil {
		return nil, fmt.Errorf("registry: read lineages: %w", err)
	}
	defer rows.Close()
	var all []LedgerLineage
	for rows.Next() {
		var l LedgerLineage
		var body []byte
		if err := rows.Scan(&l.Zone, &l.Dataset, &l.File, &body); err != nil {
			return nil, fmt.Errorf("registry: read lineages: %w", err)
		}
		if err := r.openRow(body, &l, l.parts()...); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("registry: read lineages: %w", err)
	}
	return all, nil
}

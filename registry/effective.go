package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Effected tells what became of documents whose time came: all of them are in force,
// or, with the faults that were found, none is.
type Effected struct {
	Batch     string
	Documents []Document
	Applied   []Applied
	Faults    []Fault
}

// NextDue returns the documents that are due and come into force next, together;
// none if nothing is due.
func (r *Registry) NextDue(ctx context.Context) ([]PendingDocument, error) {
	all, err := r.pendingDocuments(ctx, r.reader, `WHERE state = 'PENDING' AND due <= ? ORDER BY due, submitted_at, batch, position`, r.cfg.Now().UnixNano())
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return batchOf(all, all[0].Batch), nil
}

// TakeEffect brings the documents of a batch that is due into force, in one
// transaction with the epoch they raise and their events, as Apply would now: in the
// name of the person who handed them in, with every signature and every rule checked
// again. If they no longer stand up to them, or found has faults, nothing of them
// comes into force, they lapse, and an event "document.lapsed" tells of it. A batch
// that is not due, or not pending any more, is left alone. What else changes in the
// same transaction is and's; if that fails nothing happened.
func (r *Registry) TakeEffect(ctx context.Context, batch string, found []Fault, and func(*Tx, []Applied) error) (e Effected, err error) {
	e.Batch = batch
	err = r.Update(ctx, func(tx *Tx) error {
		all, err := tx.r.pendingDocuments(ctx, tx.sql, `WHERE batch = ? AND state = 'PENDING' AND due <= ? ORDER BY position`, batch, tx.at.UnixNano())
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return errUnchanged
		}
		if len(all) != all[0].Of {
			return fmt.Errorf("registry: pending documents %s: %w", batch, ErrCorrupt)
		}
		for _, p := range all {
			e.Documents = append(e.Documents, p.Document)
		}
		e.Faults = found
		if len(found) == 0 {
			e.Applied, e.Faults, err = tx.effect(all)
			if err != nil {
				return err
			}
		}
		if len(e.Faults) > 0 {
			return tx.lapse(all, e.Faults)
		}
		if err := and(tx, e.Applied); err != nil {
			return err
		}
		return tx.settle(all, InForceState, "", Event{Kind: "document.effective", Actor: all[0].By, Fields: map[string]string{
			"batch": batch, "effective": all[0].Effective.Format(time.RFC3339)}})
	})
	if err != nil {
		return Effected{}, err
	}
	return e, nil
}

// effect applies a batch; if the registry refuses it, it writes nothing and returns
// the faults.
func (tx *Tx) effect(all []PendingDocument) ([]Applied, []Fault, error) {
	before := *tx
	if _, err := tx.sql.ExecContext(tx.ctx, `SAVEPOINT effect`); err != nil {
		return nil, nil, fmt.Errorf("registry: bring documents into force: %w", err)
	}
	done, err := tx.effectAll(all)
	var refused *Refusal
	switch {
	case err == nil:
		_, err = tx.sql.ExecContext(tx.ctx, `RELEASE effect`)
		if err != nil {
			err = fmt.Errorf("registry: bring documents into force: %w", err)
		}
		return done, nil, err
	case errors.Is(err, ErrInactive), errors.Is(err, ErrNotFound):
		t := say("%s, who handed it in, is no longer active", "提交人 %s 已停用", all[0].By)
		refused = &Refusal{[]Fault{{CodeRole, all[0].Document.Kind, all[0].Document.Name, "", t.zh, t.en, "NJ24-04"}}}
	case !errors.As(err, &refused):
		return nil, nil, err
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `ROLLBACK TO effect; RELEASE effect`); err != nil {
		return nil, nil, fmt.Errorf("registry: bring documents into force: %w", err)
	}
	*tx = before
	return nil, refused.Faults, nil
}

func (tx *Tx) effectAll(all []PendingDocument) ([]Applied, error) {
	actor, err := load[Person](tx.ctx, tx.r, tx.sql, KindPerson, all[0].By)
	if err != nil {
		return nil, err
	}
	if actor.Spec.Status != personActive {
		return nil, fmt.Errorf("registry: person %s: %w", all[0].By, ErrInactive)
	}
	var done []Applied
	for _, p := range all {
		a, err := tx.apply(p.By, actor.Spec, p.Document, &p)
		if err != nil {
			return nil, err
		}
		done = append(done, a)
	}
	ended, err := tx.endAccounts(all[0].By, done)
	return append(done, ended...), err
}

// lapse ends documents that did not stand up to the rules when their time came.
func (tx *Tx) lapse(all []PendingDocument, faults []Fault) error {
	var codes []string
	for _, f := range faults {
		if code := f.Code + strings.ReplaceAll(f.Path, "/", " "); !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Document.Kind + " " + p.Document.Name
	}
	return tx.settle(all, LapsedState, clip(strings.Join(codes, ", ")), Event{Kind: "document.lapsed", Actor: all[0].By, Fields: map[string]string{
		"code": "DOCUMENT_LAPSED", "batch": all[0].Batch, "effective": all[0].Effective.Format(time.RFC3339),
		"documents": clip(strings.Join(names, ", ")), "reasons": clip(strings.Join(codes, ", "))}})
}

// settle ends the wait of a batch.
func (tx *Tx) settle(all []PendingDocument, state, reason string, e Event) error {
	for i, p := range all {
		p.State, p.Reason, p.Settled = state, reason, tx.at
		if err := tx.putPending(p, i); err != nil {
			return err
		}
	}
	tx.pended = true
	return tx.Emit(e)
}

// Withdraw takes back the documents of a batch before their time, in the name of
// somebody who signed or handed in one of them. Others learn ErrNotFound.
func (tx *Tx) Withdraw(by, batch, reason string) error {
	all, err := tx.r.pendingDocuments(tx.ctx, tx.sql, `WHERE batch = ? AND state = 'PENDING' ORDER BY position`, batch)
	if err != nil {
		return err
	}
	mine := slices.ContainsFunc(all, func(p PendingDocument) bool {
		return p.By == by || slices.ContainsFunc(p.Document.Signatures, func(s Signature) bool { return s.By == by })
	})
	switch {
	case !mine:
		return fmt.Errorf("registry: withdraw %s: %w", batch, ErrNotFound)
	case !all[0].Effective.After(tx.at):
		return fmt.Errorf("registry: withdraw %s: %w", batch, ErrDue)
	}
	return tx.settle(all, WithdrawnState, reason, Event{Kind: "document.withdrawn", Actor: by, Fields: map[string]string{
		"batch": batch, "effective": all[0].Effective.Format(time.RFC3339), "documents": strconv.Itoa(len(all)), "reason": clip(reason)}})
}

// LapsePending ends the wait of every pending document, for the reason given.
func (tx *Tx) LapsePending(reason string) error {
	waiting, err := tx.r.pendingDocuments(tx.ctx, tx.sql, `WHERE state = 'PENDING' ORDER BY batch, position`)
	if err != nil {
		return err
	}
	for len(waiting) > 0 {
		batch := batchOf(waiting, waiting[0].Batch)
		waiting = waiting[len(batch):]
		if err := tx.lapse(batch, []Fault{{Code: reason}}); err != nil {
			return err
		}
	}
	return nil
}

package query

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"zonebox/registry"
)

// PendingView is a document that waits for its effective time, or what became of it.
type PendingView struct {
	Batch     string          `json:"batch"` // of those that come into force together
	Kind      string          `json:"kind"`
	Name      string          `json:"name"`
	Title     string          `json:"title,omitempty"`
	By        string          `json:"by"`
	At        time.Time       `json:"at"`
	Effective time.Time       `json:"effective"`
	State     string          `json:"state"` // PENDING, IN_FORCE, WITHDRAWN, LAPSED
	Settled   *time.Time      `json:"settled,omitempty"`
	Code      string          `json:"code,omitempty"`   // DOCUMENT_LAPSED
	Reason    string          `json:"reason,omitempty"` // codes of the rules it no longer met, or why it was withdrawn
	Signers   []string        `json:"signers,omitempty"`
	Document  json.RawMessage `json:"document"`
}

// WithdrawOrder says why pending documents are withdrawn.
type WithdrawOrder struct {
	Reason string `json:"reason"`
}

// PendingDocuments returns the documents that wait for their effective time, as far
// as s may see them; with all those too that no longer wait.
func (e *Engine) PendingDocuments(ctx context.Context, s Subject, all bool) ([]PendingView, error) {
	waiting, err := e.registry.PendingDocuments(ctx, all)
	if err != nil {
		return nil, asError(err)
	}
	var r reach
	if s.any(registry.RoleOperator) {
		if r, err = e.reach(ctx, s.organization); err != nil {
			return nil, asError(err)
		}
	}
	out := []PendingView{}
	for _, p := range waiting {
		visible, err := e.maySeePending(ctx, s, r, p)
		if err != nil {
			return nil, err
		}
		if !visible {
			continue
		}
		v := PendingView{Batch: p.Batch, Kind: p.Document.Kind, Name: p.Document.Name, Title: titleOf(p.Document), By: p.By, At: p.At,
			Effective: p.Effective, State: p.State, Reason: p.Reason, Signers: signersOf(p.Document)}
		if !p.Settled.IsZero() {
			v.Settled = &p.Settled
		}
		if p.State == registry.LapsedState {
			v.Code = "DOCUMENT_LAPSED"
		}
		if v.Document, err = json.Marshal(p.Document); err != nil {
			return nil, asError(err)
		}
		out = append(out, v)
	}
	return out, nil
}

// maySeePending reports whether s may see a pending document: whoever handed it in or
// signed it, and whoever could see it in force.
func (e *Engine) maySeePending(ctx context.Context, s Subject, r reach, p registry.PendingDocument) (bool, error) {
	if p.By == s.user || slices.Contains(signersOf(p.Document), s.user) {
		return true, nil
	}
	visible, err := s.visible(p.Document, r)
	if err != nil {
		return false, asError(err)
	}
	if visible && p.Document.Kind == registry.KindQualityRules {
		_, err := e.measurable(ctx, s, p.Document.Name)
		return err == nil, nil
	}
	return visible, nil
}

func signersOf(d registry.Document) []string {
	var names []string
	for _, s := range d.Signatures {
		names = append(names, s.By)
	}
	return names
}

// Withdraw takes back pending documents, all of a batch, before their time: whoever
// signed or handed in one of them may. To others the batch does not exist.
func (e *Engine) Withdraw(ctx context.Context, s Subject, batch string, o WithdrawOrder) error {
	if strings.TrimSpace(o.Reason) == "" {
		return BadRequest("须说明撤回理由 (--reason)", "say why it is withdrawn (--reason)")
	}
	err := e.update(ctx, func(tx *registry.Tx) error { return tx.Withdraw(s.user, batch, o.Reason) })
	if errors.Is(err, registry.ErrNotFound) {
		return fail("NOT_FOUND", nil)
	}
	if err != nil {
		return asError(err)
	}
	return nil
}

package query

import (
	"context"
	"slices"
	"time"

	"zonebox/registry"
)

// DocumentVersion is one version of a document: from when to when it was in force, and
// who signed it.
type DocumentVersion struct {
	Version int64      `json:"version"`
	From    time.Time  `json:"from"`
	Until   *time.Time `json:"until,omitempty"` // absent while it is in force
	// Effective is the time it waited for, of what did; it came into force then, or as
	// soon after as a gate was there.
	Effective *time.Time  `json:"effective,omitempty"`
	By        string      `json:"by"`
	Signers   []Signatory `json:"signers,omitempty"`
}

// Signatory is a person whose signature on a version was verified when it came into
// force, as what it counted then.
type Signatory struct {
	By    string   `json:"by"`
	Org   string   `json:"org"`
	Roles []string `json:"roles"`
	At    string   `json:"at"`
}

// History returns the versions of a document that s may see, the newest first.
func (e *Engine) History(ctx context.Context, s Subject, kind, name string) ([]DocumentVersion, error) {
	docs, err := e.Documents(ctx, s, kind, name)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, fail("NOT_FOUND", nil)
	}
	all, err := e.registry.Versions(ctx, docs[0].Kind, name)
	if err != nil {
		return nil, asError(err)
	}
	out := []DocumentVersion{}
	for i, m := range all {
		v := DocumentVersion{Version: m.Version, From: m.At, By: m.By, Signers: signatories(m.Signers)}
		if i+1 < len(all) {
			v.Until = &all[i+1].At
		}
		if !m.Effective.IsZero() {
			v.Effective = &m.Effective
		}
		out = append(out, v)
	}
	slices.Reverse(out)
	return out, nil
}

// signatories returns each person once, with the roles that counted.
func signatories(all []registry.Signer) []Signatory {
	var out []Signatory
	for _, s := range all {
		i := slices.IndexFunc(out, func(o Signatory) bool { return o.By == s.By && o.Org == s.Org && o.At == s.At })
		if i < 0 {
			out = append(out, Signatory{By: s.By, Org: s.Org, At: s.At})
			i = len(out) - 1
		}
		out[i].Roles = append(out[i].Roles, s.Role)
	}
	return out
}

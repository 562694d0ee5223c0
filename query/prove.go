package query

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"zonebox/audit"
	"zonebox/registry"
)

// proveWait is how long a proof waits for the log to sign what was just released.
const proveWait = 5 * time.Second

// ReleaseProof is the entry by which the output of a run was released, with the proof
// that the audit log holds it. It explains itself: audit.Inclusion.Check needs no gate.
type ReleaseProof struct {
	Run string `json:"run"`
	audit.Inclusion
}

// Of returns the head of the log under whose signed checkpoint the proof shows that the
// file of a digest was released by the run. It returns an *audit.BrokenError if the
// proof does not hold, and ErrOtherFile if it is about another one.
func (p ReleaseProof) Of(verifierKey, run, digest string) (audit.Head, error) {
	entry, head, err := p.Check(verifierKey)
	if err != nil {
		return audit.Head{}, err
	}
	if entry.Kind != kindReleased || entry.Run != run || entry.Fields["artifact"] != digest {
		return audit.Head{}, ErrOtherFile
	}
	return head, nil
}

// ErrOtherFile says that a proof is about another file.
var ErrOtherFile = errors.New("query: the proof is not about this file")

// Prove returns the entry by which the output of a run was released, with the proof
// that the log holds it. It is for who asked, for the recipient, and for those who
// supervise the zone; to others there is no such run.
func (e *Engine) Prove(ctx context.Context, s Subject, run string) (*ReleaseProof, error) {
	none := fail("NOT_FOUND", nil)
	if !strings.HasPrefix(run, "run-") {
		return nil, none
	}
	index, logged := e.audit.Find(releaseID(run))
	if !logged {
		return nil, none
	}
	for entry, err := range e.audit.Entries(ctx, index, index+1) {
		if err != nil {
			return nil, asError(err)
		}
		concerned, err := e.concerned(ctx, s, entry)
		if err != nil {
			return nil, asError(err)
		}
		if !concerned {
			return nil, none
		}
	}
	until := time.NewTimer(proveWait)
	defer until.Stop()
	for {
		x, err := audit.Prove(AuditDir(e.cfg.Domain), index)
		switch {
		case err == nil:
			return &ReleaseProof{run, x}, nil
		case !errors.Is(err, audit.ErrUnsigned):
			return nil, asError(err)
		}
		select {
		case <-ctx.Done():
			return nil, fail("STOPPED", ctx.Err())
		case <-until.C:
			return nil, fail("AUDIT_UNAVAILABLE", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// concerned reports whether a person may see the entry of a release.
func (e *Engine) concerned(ctx context.Context, s Subject, entry audit.Entry) (bool, error) {
	if entry.Actor == s.user || entry.Fields["recipient"] == s.user || s.any(registry.RoleAuditor, registry.RoleSecurity, registry.RoleCityAuthority) {
		return true, nil
	}
	if !s.any(registry.RoleZoneRegulator) {
		return false, nil
	}
	var own []string
	err := e.each(ctx, registry.KindZone, func(doc registry.Document) error {
		z, err := registry.SpecOf[registry.Zone](doc)
		if z.Regulator == s.organization {
			own = append(own, doc.Name)
		}
		return err
	})
	return slices.Contains(own, entry.Zone), err
}

package query

import (
	"context"
	"io"
	"path/filepath"

	"golang.org/x/sys/unix"

	"zonebox/quality"
	"zonebox/registry"
	"zonebox/zone"
)

// Verdicts of a LoadTrial.
const (
	TrialLoad       = "LOAD"       // it would be in use
	TrialAlready    = "ALREADY"    // it is in use
	TrialQuarantine = "QUARANTINE" // it would be stored, and not in use
	TrialRefused    = "REFUSED"
)

// LoadTrial is what a load would do, found out by doing all of it but the end. It
// holds counts and positions, never values: whoever may load may see it, with no
// right to the values.
type LoadTrial struct {
	Verdict string       `json:"verdict"`
	Reasons []ReasonView `json:"reasons,omitempty"` // of a refusal
	Zone    string       `json:"zone"`
	Dataset string       `json:"dataset"`
	Current string       `json:"current,omitempty"` // data version in use, and its rows
	Before  int64        `json:"current_rows,omitempty"`

	// What follows is known of a delivery that was read to its end.
	Rows    int64 `json:"rows"`
	Columns int   `json:"columns"`
	Bytes   int64 `json:"bytes"`  // of the file as delivered
	Needed  int64 `json:"needed"` // bytes on the disk of the domain folder
	Free    int64 `json:"free"`   // there
	Took    int64 `json:"took"`   // milliseconds of reading and storing; a load takes about as long

	Warnings    []string        `json:"warnings,omitempty"`
	Lookalikes  []Lookalike     `json:"lookalikes,omitempty"`
	Quality     *quality.Report `json:"quality,omitempty"`
	Origin      *Origin         `json:"origin,omitempty"`
	Responsible []Responsible   `json:"responsible,omitempty"`
}

// TryLoad goes through every step of Load but the last and tells what Load would
// do. Nothing is kept: what was stored on the way, encrypted as ever, is removed.
// The error is of whoever may not load at all, or of the gate; a delivery that
// would be refused is a verdict. Both leave an entry.
func (e *Engine) TryLoad(ctx context.Context, s Subject, m Manifest, data io.Reader) (*LoadTrial, error) {
	book, ctx := unlisted(ctx)
	defer book.cancel(nil)
	l := &loading{engine: e, ctx: ctx, subject: s, manifest: m, id: newID("load", e.cfg.Now()), trial: true, book: book}
	defer l.leave()
	began := e.cfg.Now()
	out := &LoadTrial{Zone: m.Zone, Dataset: m.Dataset}
	read, err := l.judge(data)
	if err != nil {
		why := l.loadError(err)
		if why.Class != ClassDenied || why.Code == "ROLE_REQUIRED" || why.Code == "AUTH_FAILED" {
			return nil, l.refuse(err)
		}
		out.refuse(why)
	} else {
		defer read.abort()
		if err := l.measure(out, read); err != nil {
			return nil, l.refuse(err)
		}
	}
	if now := l.dataset.Data; now != nil {
		out.Current, out.Before = now.Version, now.Rows
	}
	out.Took = e.cfg.Now().Sub(began).Milliseconds()
	return out, l.tried(out)
}

// refuse makes the verdict a refusal for every reason of why.
func (t *LoadTrial) refuse(why *Error) {
	t.Verdict = TrialRefused
	t.Reasons = viewsOf(why)
}

// measure fills in what is known of a delivery that Load would take.
func (l *loading) measure(t *LoadTrial, read *delivered) error {
	origin := l.origin()
	t.Rows, t.Columns, t.Bytes = read.found.Rows, len(l.dataset.Spec.Columns), read.bytes
	t.Origin, t.Responsible = &origin, l.responsible()
	if read.already {
		t.Verdict, t.Warnings = TrialAlready, l.warnings(zone.Stats{})
		return nil
	}
	stats, size, err := read.stored.Measure()
	if err != nil {
		return err
	}
	t.Needed, t.Lookalikes, t.Warnings = size, lookalikes(stats, l.dataset.Spec), l.warnings(stats)
	t.Quality = l.check.report("", l.declared(), 0, l.manifest.Acquired)
	t.Verdict = TrialLoad
	if !t.Quality.Gate.Passed {
		t.Verdict = TrialQuarantine
	}
	// Free as if the trial had not stored anything.
	t.Free, err = free(filepath.Join(l.engine.cfg.Domain, zonesDir))
	t.Free += size
	return err
}

// free returns the bytes that a process without privileges may still write to the
// disk of a folder.
func free(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// tried records a trial and its verdict, by codes alone.
func (l *loading) tried(t *LoadTrial) error {
	var codes []string
	for _, r := range t.Reasons {
		codes = append(codes, r.Code)
	}
	err := l.engine.update(context.WithoutCancel(l.ctx), func(tx *registry.Tx) error {
		return tx.Emit(listed(listed(l.event("load.tried", map[string]string{"verdict": t.Verdict}), "reasons", codes), "repeats", l.seen))
	})
	if err != nil {
		return asError(err)
	}
	return nil
}

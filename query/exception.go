package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zonebox/policy"
	"zonebox/registry"
)

// exceptionFaults returns what the policy pack of its zone has against an exception: a
// figure that the pack lets nobody raise, further than the pack lets it, or for longer.
// What ends one has nothing against it.
func (e *Engine) exceptionFaults(ctx context.Context, doc registry.Document, batch []registry.Document) ([]registry.Fault, error) {
	x, err := registry.SpecOf[registry.Exception](doc)
	if err != nil || x.Status != registry.StatusActive {
		return nil, nil // the registry says what its shape lacks
	}
	pack, err := packOf(ctx, lookup{e, batch}, x.Zone)
	if pack == nil {
		return nil, err
	}
	var out []registry.Fault
	fault := func(path, zh, en string) {
		out = append(out, registry.Fault{Code: registry.CodeScope, Kind: registry.KindException, Name: doc.Name, Path: path, ZH: zh, EN: en, Article: "NJ24-14"})
	}
	bound, may := pack.Exceptions[x.Relaxes]
	if !may {
		fault("/spec/relaxes", "政策包 "+pack.ID+" 不允许放宽该事项", "policy pack "+pack.ID+" lets nobody raise this")
		return out, nil
	}
	usual := map[string]int{registry.RelaxRowCap: pack.RowCap, registry.RelaxLicenseTerm: pack.MaxTermYears}[x.Relaxes]
	if x.Value <= int64(usual) || x.Value > bound.Ceiling {
		fault("/spec/value", fmt.Sprintf("须大于 %d(政策包的数值),且不超过 %d", usual, bound.Ceiling), fmt.Sprintf("must be above %d, the pack's own figure, and %d at most", usual, bound.Ceiling))
	}
	from, err1 := time.Parse(time.DateOnly, x.From)
	until, err2 := time.Parse(time.DateOnly, x.Until)
	if err1 == nil && err2 == nil && !until.Before(from.AddDate(0, 0, bound.Days)) {
		fault("/spec/until", fmt.Sprintf("每次不超过 %d 天", bound.Days), fmt.Sprintf("lasts longer than the %d days that the pack lets it", bound.Days))
	}
	return out, nil
}

// termExceptions adds to the facts of a license that is to come into force its
// exceptions, those of the same batch too, with the datasets they are of. Who signs in
// the batch counts as having signed: the registry verifies it before anything changes.
func (e *Engine) termExceptions(ctx context.Context, look lookup, f *registry.Facts) error {
	all, err := e.registry.Exceptions(ctx, f.License.Name)
	if err != nil {
		return err
	}
	for _, doc := range look.batch {
		if doc.Kind != registry.KindException {
			continue
		}
		x, err := registry.SpecOf[registry.Exception](doc)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(o registry.Versioned[registry.Exception]) bool { return o.Name == doc.Name })
		if x.License != f.License.Name || x.Status != registry.StatusActive {
			continue
		}
		for _, s := range doc.Signatures {
			for _, given := range []*registry.Consent{&x.City, &x.ZReg, &x.Prov} {
				if given.By == s.By {
					given.At = s.At
				}
			}
		}
		if x.City.At != "" && x.ZReg.At != "" && x.Prov.At != "" { // the registry names who has still to sign
			all = append(all, registry.Versioned[registry.Exception]{Name: doc.Name, Spec: x})
		}
	}
	for _, x := range all {
		d, err := find[registry.Dataset](ctx, look, registry.KindDataset, x.Spec.Dataset)
		if errors.Is(err, registry.ErrNotFound) {
			continue // the registry names the missing reference
		}
		if err != nil {
			return err
		}
		f.Exceptions = append(f.Exceptions, x)
		f.Datasets = append(f.Datasets, registry.DatasetFacts{Versioned: registry.Versioned[registry.Dataset]{Name: x.Spec.Dataset, Spec: d}})
	}
	return nil
}

// Reasons by which a decision tells that an exception raised a figure.
const (
	warnRowCap = "EXCEPTION_ROW_CAP"
	warnTerm   = "EXCEPTION_TERM"
)

const fieldExceptions = "exceptions"

// relying adds to the fields of an event the exceptions that a decision rests on, with
// blanks between them: as many names as an entry has room for, then how many there are
// beside. The decision on record names all.
func relying(d policy.Decision, fields map[string]string) map[string]string {
	const most = 200
	names, more := "", 0
	for _, w := range d.Warnings {
		switch {
		case w.Code != warnRowCap && w.Code != warnTerm:
		case len(names)+len(w.About) > most:
			more++
		default:
			names = strings.TrimSpace(names + " " + w.About)
		}
	}
	if more > 0 {
		names += fmt.Sprintf(" +%d", more)
	}
	if names != "" {
		fields[fieldExceptions] = names
	}
	return fields
}

// RiskExceptionRow is an exception in a risk report: in force on a day of the period,
// or over in it.
type RiskExceptionRow struct {
	Name     string `json:"name"`
	Relaxes  string `json:"relaxes"`
	Value    int64  `json:"value"`
	Zone     string `json:"zone"`
	License  string `json:"license"`
	Scenario string `json:"scenario,omitempty"`
	Dataset  string `json:"dataset"`
	From     string `json:"from"`
	Until    string `json:"until"`
	// State is ACTIVE, LAPSED or REVOKED, as of the last day of the period.
	State string `json:"state"`
	Used  int    `json:"used"` // outputs released by it in the period
}

// The states of an exception in a risk report.
const (
	ExceptionActive  = "ACTIVE"
	ExceptionLapsed  = "LAPSED"
	ExceptionRevoked = "REVOKED"
)

// riskExceptions returns the exceptions that a report is about, by name, with how often
// each was used.
func (e *Engine) riskExceptions(ctx context.Context, r *report, used map[string]int) ([]RiskExceptionRow, error) {
	out := []RiskExceptionRow{}
	metas, err := e.registry.List(ctx, registry.KindException)
	if err != nil {
		return nil, err
	}
	for _, m := range metas {
		doc, meta, err := e.registry.Get(ctx, registry.KindException, m.Name)
		if err != nil {
			return nil, err
		}
		x, err := registry.SpecOf[registry.Exception](doc)
		if err != nil {
			return nil, err
		}
		row := RiskExceptionRow{Name: m.Name, Relaxes: x.Relaxes, Value: x.Value, Zone: x.Zone, License: x.License, Scenario: x.Scenario, Dataset: x.Dataset,
			From: x.From, Until: x.Until, State: ExceptionActive, Used: used[m.Name]}
		last := x.Until
		if x.Status == registry.StatusRevoked {
			last = min(last, meta.At.UTC().Add(r.offsets[x.Zone]).Format(time.DateOnly))
		}
		switch {
		case !r.all && !r.zones[x.Zone], r.period.Zone != "" && r.period.Zone != x.Zone, x.From > r.period.To, last < r.period.From:
			continue
		case x.Status == registry.StatusRevoked && last <= r.period.To && last < x.Until:
			row.State = ExceptionRevoked
		case x.Until < r.period.To:
			row.State = ExceptionLapsed
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b RiskExceptionRow) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

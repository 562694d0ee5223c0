package query

import (
	"maps"
	"slices"

	"zonebox/masking"
	"zonebox/query/analysis"
	"zonebox/zone"
)

// rawScan is the last look at what leaves: it gathers the strings of masked
// columns as they would leave, and counts the raw rows that hold one of them. A
// mask that let a value through is found here, whatever let it through.
//
// It looks at columns that leave as they are, not at what the statement made of
// them: that may hold any constant, and a refusal would tell whether somebody
// of that name or number is in the register.
type rawScan struct {
	*rows
	seen []map[string]bool // by output
}

func newRawScan(r *rows) *rawScan {
	s := &rawScan{rows: r, seen: make([]map[string]bool, len(r.Outputs))}
	for i := range s.seen {
		s.seen[i] = map[string]bool{}
	}
	return s
}

// add takes note of a value; the count comes later, so it refuses nothing. The
// fixed sign of a redacted value shows nothing and is not looked for.
func (s *rawScan) add(output int, value string) bool {
	if s.Outputs[output].Bare && value != masking.Redacted {
		s.seen[output][value] = true
	}
	return false
}

// matches returns how many raw rows hold a value that would leave. Only recipes
// that hide the value are looked at: a year or a region is meant to be one that
// others share, and may stand in the raw column as it is.
func (s *rawScan) matches() (int64, error) {
	total := int64(0)
	for i, o := range s.Outputs {
		if len(s.seen[i]) == 0 {
			continue
		}
		for _, ref := range o.Lineage {
			n, err := s.count(ref, slices.Sorted(maps.Keys(s.seen[i])))
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}

func (s *rawScan) count(ref analysis.Ref, values []string) (int64, error) {
	d, recipe := s.catalog.datasets[ref.Table], s.catalog.recipe(ref)
	col, _ := columnOf(d.Spec, ref.Column)
	if col.Type != "string" || recipe == nil {
		return 0, nil
	}
	switch recipe.Kind {
	case "partial", "pattern", "display", "token", "redact":
	default:
		return 0, nil
	}
	cut, err := s.cutTo(ref.Table) // no row of anybody else is told of
	if err != nil {
		return 0, err
	}
	n, err := s.engine.store.Count(s.ctx, zone.Projection{Zone: d.Spec.Zone, Dataset: d.Name, Version: d.Data.Version,
		Manifest: d.Data.Manifest, Consented: cut, Scope: []zone.Condition{{Column: ref.Column, In: values}}})
	if err != nil {
		return 0, s.engine.storeError(err)
	}
	return n, nil
}

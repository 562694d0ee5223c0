package query

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"zonebox/registry"
	"zonebox/release/ledger"
)

// mostCompared is how many other outputs of a dataset a reviewer is shown.
const mostCompared = 20

// compared returns what the ledgers hold of a run, and of other outputs beside it, those
// of the zones that s speaks for: what another zone made of data that it is supplied
// with is its own regulator's to see.
func (e *Engine) compared(ctx context.Context, s Subject, run string, rec record) ([]ComparedView, error) {
	var out []ComparedView
	seen := map[string]bool{} // by zone
	for _, source := range rec.Sources {
		d, err := find[registry.Dataset](ctx, lookup{e, nil}, registry.KindDataset, source.Dataset)
		if errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all, err := e.registry.LedgerEntries(ctx, d.Zone, source.Dataset)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(l registry.LedgerEntry) bool { return l.Run == run })
		if i < 0 {
			continue
		}
		v := ComparedView{Dataset: source.Dataset, Version: all[i].Version, Figures: figuresShown(all[i]), Latest: []EarlierView{}}
		slices.SortFunc(all, func(a, b registry.LedgerEntry) int { return cmp.Compare(b.Run, a.Run) })
		for _, l := range all {
			if l.Run == run || l.State == registry.LedgerVoid {
				continue
			}
			of, err := e.registry.LoadRun(ctx, l.Run)
			if err != nil {
				return nil, err
			}
			if _, known := seen[of.Zone]; !known {
				seen[of.Zone] = e.competent(ctx, s, of.Zone)
			}
			if !seen[of.Zone] {
				continue
			}
			if v.Outputs++; len(v.Latest) < mostCompared {
				both := slices.DeleteFunc(figuresShown(l), func(f string) bool { return !slices.Contains(v.Figures, f) })
				v.Latest = append(v.Latest, EarlierView{Run: l.Run, Version: l.Version, Left: l.State == registry.LedgerKept, Figures: both})
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// figuresShown names what an output shows figures of, in order.
func figuresShown(l registry.LedgerEntry) []string {
	out := []string{}
	for name := range l.Measures {
		switch {
		case name == countEntities:
			name = "entities"
		case name == ledger.Counts, strings.HasPrefix(name, "*"):
			name = "count" + name
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

package policy

import (
	"slices"
	"strings"
)

// concerned returns in without the catalogue entries and grants that its
// statement has nothing to do with: those of a zone are many, and no rule about
// a statement looks at one that is neither among its tables nor of a column that
// it uses. The facts of a statement decide the same with and without the others.
func (in Input) concerned() Input {
	if in.Query == nil {
		return in
	}
	used, datasets := in.Query.columns(), in.Query.Datasets()
	for c := range used {
		datasets[in.Columns[c].Dataset] = true
	}
	in.Datasets, in.Columns, in.Grants = those(in.Datasets, datasets), those(in.Columns, used), slices.Clone(in.Grants)
	in.Grants = slices.DeleteFunc(in.Grants, func(g Grant) bool { return !datasets[g.Dataset] && len(g.Conditions) == 0 })
	return in
}

// columns returns what the statement uses, wherever it stands.
func (q *Query) columns() map[string]bool {
	used := map[string]bool{}
	for _, list := range [][]string{q.ColumnsRead, q.FilterCols, q.JoinCols, q.GroupCols} {
		for _, c := range list {
			used[c] = true
		}
	}
	for _, o := range q.Outputs {
		for _, c := range o.Lineage {
			used[c] = true
		}
	}
	return used
}

// Datasets returns the datasets that the statement has to do with, by its tables
// and its columns: of no other need a caller give entries. A nil Query has none.
func (q *Query) Datasets() map[string]bool {
	datasets := map[string]bool{}
	if q == nil {
		return datasets
	}
	for _, t := range q.Tables {
		datasets[t] = true
	}
	for c := range q.columns() {
		name, _, _ := strings.Cut(c, ".") // of a column that the catalogue may lack
		datasets[name] = true
	}
	return datasets
}

// those returns the entries of all whose names are wanted, nil if all is. It looks at
// no other: a zone's catalogue has many.
func those[T any](all map[string]T, wanted map[string]bool) map[string]T {
	if all == nil {
		return nil
	}
	some := make(map[string]T, len(wanted))
	for name := range wanted {
		if v, ok := all[name]; ok {
			some[name] = v
		}
	}
	return some
}

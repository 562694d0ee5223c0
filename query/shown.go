package query

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/release/ledger"
)

// countEntities is the measure of what counts entities, whatever rows they have.
const countEntities = "#"

// shown returns what the answer shows of the rows of each dataset: every group of K of
// every block that releases some, and of it the cells that reach K.
func (e *evidence) shown() []shown {
	if e == nil { // of records, or of rows that nothing protects
		return nil
	}
	var out []shown
	for _, c := range e.cells {
		population := e.population(c.Population)
		for i, reference := range c.references {
			r := e.References[reference]
			s := shown{dataset: r.Table, k: r.K, population: population}
			var partners []string
			for j, other := range c.references {
				if j != i {
					partners = append(partners, e.References[other].Table)
				}
			}
			slices.Sort(partners)
			for _, a := range c.Aggregates {
				s.add(e.measureOf(c, a, i, strings.Join(partners, "*")))
			}
			if len(s.measures) > 0 {
				out = append(out, s)
			}
		}
	}
	return out
}

// add adds a measure; aggregates of one measure add up to more cells of it.
func (s *shown) add(m shownMeasure) {
	if len(m.cells) == 0 {
		return
	}
	i := slices.IndexFunc(s.measures, func(o shownMeasure) bool { return o.name == m.name })
	if i < 0 {
		s.measures = append(s.measures, m)
		return
	}
	for _, cell := range m.cells {
		if !slices.ContainsFunc(s.measures[i].cells, func(o []uint32) bool { return slices.Equal(o, cell) }) {
			s.measures[i].cells = append(s.measures[i].cells, cell)
		}
	}
}

// measureOf returns what an aggregate shows of the rows of a reference, by its place.
// A count is one of every row; a count of distinct values, or of groups of a block
// within, is taken for one of entities; any other figure is one of the columns of the
// dataset that it is computed from. Where a join repeats rows, a count is taken for one
// of those that have a partner, of a measure of its own, since it counts something else.
// A figure of a column is taken for one of them too, but beside all others of the column:
// how often each counts may be known.
func (e *evidence) measureOf(c *cells, a analysis.Aggregate, reference int, partners string) shownMeasure {
	table := e.References[c.references[reference]].Table
	m := shownMeasure{name: ledger.Counts}
	switch {
	case a.PerEntity || a.Distinct && a.Function == "count":
		m.name = countEntities
	case len(a.Measures) > 0:
		for _, source := range a.Measures {
			if column, ok := strings.CutPrefix(source, table+"."); ok {
				m.columns = append(m.columns, column)
			}
		}
		m.name = strings.Join(a.Measures, " ")
	}
	if a.Distinct && a.Function != "count" {
		m.name += " distinct"
	}
	repeated := false
	column := c.gathered.lists[c.column(a.Condition, reference)]
	for i, group := range c.groups {
		if a.Condition > 0 && !e.released(c, group, a.Condition) {
			continue
		}
		rows := c.at(i, a.Condition, reference)
		once := slices.Compact(slices.Clone(column.at(group)))
		repeated = repeated || len(once) < len(rows)
		if len(once) > 0 {
			m.cells = append(m.cells, once)
		}
	}
	if repeated && m.name == ledger.Counts {
		m.name += "*" + partners
	}
	return m
}

// population is the digest of what the groups of a block are parts of: the text of the
// block and the values of its parameters. Versions, scopes and consents, which nobody chooses
// who asks, are not in it.
func (e *evidence) population(text string) string {
	h := sha256.New()
	part := func(s string) {
		_ = binary.Write(h, binary.BigEndian, uint32(len(s)))
		h.Write([]byte(s))
	}
	part(text)
	lower := strings.ToLower(text)
	for _, name := range slices.Sorted(maps.Keys(e.filled.parameters)) {
		if strings.Contains(lower, strings.ToLower(ast.PrintExpr(&ast.Parameter{Name: name}))) {
			part(name)
			part(e.filled.parameters[name])
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

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
		for i := range c.references {
			out = append(out, e.shownOf(c, i)...)
		}
	}
	return out
}

// shownOf is what a block shows of the rows of a reference, by its place: a part for each
// population that its figures are of.
func (e *evidence) shownOf(c *cells, i int) (out []shown) {
	r, figures := e.References[c.references[i]], e.figures(c)
	for _, condition := range e.bare(c, figures) {
		out = append(out, shown{dataset: r.Table, k: r.K, few: true, measures: []shownMeasure{{name: ledger.Counts, cells: [][]uint32{c.noted(condition, i)}}}})
	}
	var partners []string
	for j, other := range c.references {
		if j != i {
			partners = append(partners, e.References[other].Table)
		}
	}
	slices.Sort(partners)
	for n := range figures {
		for _, m := range e.measuresOf(figures[n].of, figures[n].Aggregate, n, i, strings.Join(partners, "*")) {
			population := e.population(c.Columns[c.column(m.conditions[0], i)].Population)
			at := slices.IndexFunc(out, func(s shown) bool { return s.population == population })
			if at < 0 {
				at, out = len(out), append(out, shown{dataset: r.Table, k: r.K, population: population})
			}
			out[at].add(m.shownMeasure)
		}
	}
	return out
}

// figure is what a block shows by an aggregate of some of its groups.
type figure struct {
	analysis.Aggregate
	of *cells
}

// figures are the aggregates of a block and a count for each choice of the asker's: that a
// group shows tells that K are in it, whatever figure it shows. Were that one of the
// figure's column alone, whoever found a tenth person by one column would look for others
// in that person's place by the next. A condition that leaves out fewer than K of every
// group, or that says no more than that values are there, is no choice beside that of all
// rows; and a group that shows a count of all but fewer than K has told of all. A block
// without aggregates tells nothing else.
func (e *evidence) figures(c *cells) (out []figure) {
	for _, a := range c.Aggregates {
		out = append(out, figure{a, c})
	}
	counted := func(condition int, of *cells) {
		if (len(of.groups) > 0 || len(c.groups) == 0) && (len(c.Aggregates) == 0 || c.chosen(condition)) {
			out = append(out, figure{analysis.Aggregate{Function: "count_star", Counts: true, Condition: condition, Output: -1}, of})
		}
	}
	counted(0, c.some(func(group int) bool {
		for aggregate := range c.Aggregates {
			if e.tells(c, aggregate, group) {
				return false
			}
		}
		return true
	}))
	told := []int{0}
	for _, a := range c.Aggregates {
		if !slices.Contains(told, a.Condition) && !c.present(a.Condition) && e.parts(c, a.Condition) {
			counted(a.Condition, c)
		}
		told = append(told, a.Condition)
	}
	return out
}

// tells reports whether an aggregate, by its place, shows how many a group, by its place,
// has of all rows, but for fewer than K of them.
func (e *evidence) tells(c *cells, aggregate, group int) bool {
	a := c.Aggregates[aggregate]
	if !tellsCount(a) || !e.shows(c, aggregate, group) {
		return false
	}
	return !a.Counts && c.present(a.Condition) && !e.counted(c, a.Condition, group) || !e.partsOf(c, a.Condition, group)
}

// counted reports whether a count shows how many of a group, by its place, meet a
// condition.
func (e *evidence) counted(c *cells, condition, group int) bool {
	for i, a := range c.Aggregates {
		if a.Counts && !a.Distinct && !a.PerEntity && a.Condition == condition && e.shows(c, i, group) {
			return true
		}
	}
	return false
}

// shows reports whether an aggregate, by its place, shows a figure of a group, by its place.
func (e *evidence) shows(c *cells, aggregate, group int) bool {
	return e.released(c, c.groups[group], c.Aggregates[aggregate].Condition) && !c.dominated[[2]int{group, aggregate}]
}

// parts reports whether a condition leaves K entities of a reference out of a group.
func (e *evidence) parts(c *cells, condition int) bool {
	for group := range c.groups {
		if e.partsOf(c, condition, group) {
			return true
		}
	}
	return false
}

// partsOf is parts of one group, by its place.
func (e *evidence) partsOf(c *cells, condition, group int) bool {
	for i, ref := range c.references {
		r, met := e.References[ref], c.at(group, condition, i)
		left := slices.DeleteFunc(slices.Clone(c.at(group, 0, i)), func(row uint32) bool {
			_, there := slices.BinarySearch(met, row)
			return there
		})
		if e.tables[r.Table].atLeast(r.K, left) {
			return true
		}
	}
	return false
}

// bare returns the conditions of figures that show nothing in any group, of rows that the
// asker chose: whether K was short or no row was there does not matter. Answered with
// nothing they would tell who asks that fewer than K remain, for of K the history might
// have refused: whoever moves a condition by one person would learn of that person.
func (e *evidence) bare(c *cells, figures []figure) (out []int) {
	for _, a := range figures {
		shows := func(group uint32) bool { return e.released(c, group, a.Condition) }
		if !slices.Contains(out, a.Condition) && c.chosen(a.Condition) && !slices.ContainsFunc(c.groups, shows) {
			out = append(out, a.Condition)
		}
	}
	return out
}

// chosen reports whether the asker chose whose rows meet a condition.
func (c *cells) chosen(condition int) bool {
	first := c.column(condition, 0)
	return slices.ContainsFunc(c.Columns[first:first+len(c.references)], func(column analysis.EvidenceColumn) bool { return column.Population.Chosen })
}

// present reports whether a condition says no more than that values are there.
func (c *cells) present(condition int) bool { return c.Columns[c.column(condition, 0)].Present }

// some returns c of those groups, by their places, that are wanted, and as if all totals of
// theirs were shown.
func (c *cells) some(wanted func(group int) bool) *cells {
	of := *c
	of.groups, of.dominated = nil, nil
	for group, number := range c.groups {
		if wanted(group) {
			of.groups = append(of.groups, number)
		}
	}
	return &of
}

// noted returns the rows of a condition and a reference, by its place, whatever group they
// are in.
func (c *cells) noted(condition, reference int) []uint32 {
	rows := slices.Clone(c.gathered.lists[c.column(condition, reference)].rows)
	slices.Sort(rows)
	return slices.Compact(rows)
}

// dominates reports whether a total of an aggregate does not leave for what few bear of
// it.
func (c *cells) dominates(aggregate int) bool {
	for of := range c.dominated {
		if of[1] == aggregate {
			return true
		}
	}
	return false
}

// adds reports whether an aggregate of the parts of some rows adds up to that of all, where
// it is one of rows.
func adds(a analysis.Aggregate) bool {
	return slices.Contains([]string{"count", "count_star", "sum", "avg", "mean"}, a.Function)
}

// tellsCount reports whether an aggregate tells how many there are: a mean does beside the
// total.
func tellsCount(a analysis.Aggregate) bool {
	return a.Counts || a.Function == "avg" || a.Function == "mean"
}

// apart returns the conditions that the cells of a condition are shown by. It is itself,
// unless each of its cells is put together of parts by listed values, all of K entities:
// then the answer is one that the parts would have given, and counts as them. Were parts
// of fewer, or of nobody, taken for nothing, whoever lists a value beside others would
// learn which.
func (e *evidence) apart(c *cells, condition int) []int {
	whole := []int{condition}
	if len(c.Parts) == 0 || len(c.Parts[condition]) == 0 {
		return whole
	}
	parts := c.Parts[condition]
	for i, group := range c.groups {
		if condition > 0 && !e.released(c, group, condition) {
			continue
		}
		for ref := range c.references {
			rows := 0
			for _, part := range parts {
				rows += len(c.at(i, part, ref))
			}
			if rows != len(c.at(i, condition, ref)) {
				return whole
			}
		}
		if slices.ContainsFunc(parts, func(part int) bool { return !e.released(c, group, part) }) {
			return whole
		}
	}
	return parts
}

// add adds a measure; aggregates of one measure add up to more cells of it.
func (s *shown) add(m shownMeasure) {
	i := slices.IndexFunc(s.measures, func(o shownMeasure) bool { return o.name == m.name })
	if i < 0 {
		s.measures = append(s.measures, m)
		return
	}
	old := &s.measures[i]
	old.cells, old.hidden = distinct(old.cells, m.cells), distinct(old.hidden, m.hidden)
}

// distinct returns cells, and of more those that are not among them.
func distinct(cells, more [][]uint32) [][]uint32 {
	for _, cell := range more {
		if !slices.ContainsFunc(cells, func(o []uint32) bool { return slices.Equal(o, cell) }) {
			cells = append(cells, cell)
		}
	}
	return cells
}

// aggregated is what an aggregate shows of one measure, by the rows of some conditions.
type aggregated struct {
	shownMeasure
	conditions []int
}

// measuresOf returns what an aggregate, by its place, shows of the rows of a reference, by
// its place.
// A count is one of every row; any other figure is one of each of the columns that it is
// computed from, and a mean a count too, which a total by it is: one of all rows of the
// groups that it shows in, whether they have a value or not, but for groups where a count
// shows how many have one, which is all that a mean tells of how many there are. A count of distinct values,
// or of groups of a block within, is one of entities, and of their rows too, for where each
// has one they are the same; what is computed from figures of entities is one of entities
// and of the rows those are of.
// Where a join repeats rows for their partners, a count of them is taken for one of those
// that have a partner, of a measure of its own, since it counts something else. A figure
// of a column is taken for one of them too, but beside all others of the column: how often
// each counts may be known. Where it repeats those of every reference, as tables do in which
// several rows are found for one, any figure is taken for those of the rows that count so
// often or more, for each number of times.
func (e *evidence) measuresOf(c *cells, a analysis.Aggregate, aggregate, reference int, partners string) (out []aggregated) {
	table := e.References[c.references[reference]].Table
	whole := []int{a.Condition}
	conditions := whole
	if adds(a) && !c.dominates(aggregate) {
		conditions = e.apart(c, a.Condition)
	}
	single := a.Distinct || !adds(a) || c.single(conditions)
	rows, repeated := e.cellsOf(c, aggregate, conditions, reference, single)
	add := func(name string, m shownMeasure, conditions []int) {
		m.name, m.cells, m.hidden = name, slices.Clone(m.cells), slices.Clone(m.hidden)
		if len(m.cells)+len(m.hidden) > 0 {
			out = append(out, aggregated{m, conditions})
		}
	}
	entities := a.Distinct || a.PerEntity && (strings.HasPrefix(a.Function, "count") || !a.Counts && tellsCount(a))
	if entities || a.PerEntity {
		m, _ := e.cellsOf(c, aggregate, whole, reference, single)
		add(countEntities, m, whole)
	}
	for _, source := range a.Measures {
		m := rows
		if column, ok := strings.CutPrefix(source, table+"."); ok {
			m.columns = []string{column}
		}
		add(source, m, conditions)
	}
	if !a.Counts && tellsCount(a) && c.present(a.Condition) {
		all := c.some(func(group int) bool { return e.shows(c, aggregate, group) && !e.counted(c, a.Condition, group) })
		conditions = e.apart(all, 0)
		single = a.Distinct || all.single(conditions)
		rows, repeated = e.cellsOf(all, aggregate, conditions, reference, single)
	}
	switch {
	case len(a.Measures) > 0 && !tellsCount(a):
	case repeated && single && !entities:
		add(ledger.Counts+"*"+partners, rows, conditions)
		if c.chosen(a.Condition) {
			add(ledger.Counts, rows, conditions)
		}
	default:
		add(ledger.Counts, rows, conditions)
	}
	return out
}

// cellsOf returns the cells of an aggregate, by its place, over the rows of a reference, by
// its place, that meet one of the conditions, and whether a join repeats rows of them.
// single is that of the conditions.
func (e *evidence) cellsOf(c *cells, aggregate int, conditions []int, reference int, single bool) (m shownMeasure, repeated bool) {
	for _, condition := range conditions {
		column := c.gathered.lists[c.column(condition, reference)]
		for i, group := range c.groups {
			if condition > 0 && !e.released(c, group, condition) {
				continue
			}
			rows := column.at(group)
			once := slices.Compact(slices.Clone(rows))
			repeated = repeated || len(once) < len(rows)
			switch {
			case len(once) == 0:
			case c.dominated[[2]int{i, aggregate}]:
				m.hidden = append(m.hidden, once)
			case single || len(once) == len(rows):
				m.cells = append(m.cells, once)
			default:
				m.cells = append(m.cells, often(rows)...)
			}
		}
	}
	return m, repeated
}

// population is the digest of what the groups of a block are parts of: the text of the
// block and the values of its parameters. Versions, scopes and consents, which nobody chooses
// who asks, are not in it.
func (e *evidence) population(p analysis.Population) string {
	text := p.Text
	if slices.ContainsFunc(p.Partners, func(table string) bool { return !e.tables[table].once() }) {
		text = p.Full
	}
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

package query

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"zonebox/query/analysis"
	"zonebox/release"
	"zonebox/release/disclosure"
)

// disclosive judges all groups that the statement releases by the pack's rules on
// totals, and returns what of each row of the answer must not leave, by which rule, and
// what reviewers are told of that.
//
// What a statement does with a total before it is an output cannot be blanked: one
// that breaks a rule in a nested block, in an order, or beside a HAVING has the answer
// refused, DISCLOSIVE. Too few entities are no such case: those totals are null in the
// rewrite already, wherever they stand.
func (e *evidence) disclosive(reached []release.Reached) (hide [][]release.Withheld, said []RuledTotal, err error) {
	r := &rules{evidence: e, tables: map[string]*disclosure.Table{}, columns: map[string]disclosure.Column{}}
	for _, c := range e.cells {
		found, err := r.judge(c)
		if err != nil {
			return nil, nil, err
		}
		withheld := make([][]release.Withheld, len(c.groups))
		hits := worse(found.Hits)
		for _, h := range hits {
			if slices.Contains([]disclosure.Rule{disclosure.FewNonzero, disclosure.Dominated, disclosure.PPercent}, h.Rule) {
				c.dominated[[2]int{h.Group, h.Total}] = true
			}
			output := c.Aggregates[h.Total].Output
			if !c.Root || c.Having || output < 0 {
				return nil, nil, fail("DISCLOSIVE", nil)
			}
			withheld[h.Group] = append(withheld[h.Group], release.Withheld{Output: output, Rule: string(h.Rule)})
		}
		if !c.Root {
			continue
		}
		said = e.ruled(c, append(hits, found.Review...))
		hide = make([][]release.Withheld, len(reached))
		for i, row := range reached {
			if at, ok := slices.BinarySearch(c.groups, c.gathered.find(row.Number)); ok {
				hide[i] = withheld[at]
			}
		}
	}
	return hide, said, nil
}

// ruled counts hits by output column and rule, in order.
func (e *evidence) ruled(c *cells, hits []disclosure.Hit) (out []RuledTotal) {
	type kind struct {
		output int
		rule   string
	}
	groups := map[kind]int64{}
	for _, h := range hits {
		k := kind{c.Aggregates[h.Total].Output, cmp.Or(string(h.Rule), negativeValues)}
		if k.output >= 0 {
			groups[k]++
		}
	}
	kinds := slices.SortedFunc(maps.Keys(groups), func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.output, b.output), cmp.Compare(a.rule, b.rule))
	})
	for _, k := range kinds {
		out = append(out, RuledTotal{Column: outputName(k.output, e.Outputs[k.output].Name), Rule: k.rule, Groups: groups[k]})
	}
	return out
}

// negativeValues is the rule that nothing is hidden by: people look at the column.
const negativeValues = "NEGATIVE_VALUES"

// worse leaves out what totals of too few entities break besides.
func worse(hits []disclosure.Hit) []disclosure.Hit {
	few := map[[2]int]bool{}
	for _, h := range hits {
		if h.Rule == disclosure.Few {
			few[[2]int{h.Group, h.Total}] = true
		}
	}
	return slices.DeleteFunc(hits, func(h disclosure.Hit) bool { return few[[2]int{h.Group, h.Total}] })
}

// rules are evidence as the rules on totals know it.
type rules struct {
	*evidence
	tables  map[string]*disclosure.Table
	columns map[string]disclosure.Column // by "table.column"
}

// highestLevel is no lower than that of any column: a count is of whole rows.
const highestLevel = 9

func (r *rules) judge(c *cells) (disclosure.Finding, error) {
	var b disclosure.Block
	for _, ref := range c.references {
		table := r.References[ref].Table
		if r.tables[table] == nil {
			r.tables[table] = disclosure.NewTable(r.evidence.tables[table].entities)
		}
		b.References = append(b.References, disclosure.Reference{Table: r.tables[table], Figures: r.figures(ref, highestLevel)})
	}
	measures, err := r.measures(&b, c)
	if err != nil {
		return disclosure.Finding{}, err
	}
	var of []int // by total: the aggregate
	for i, a := range c.Aggregates {
		for _, t := range totals(a, measures) {
			b.Totals, of = append(b.Totals, t), append(of, i)
		}
	}
	for group := range c.groups {
		g := make(disclosure.Group, c.conditions)
		for condition := range g {
			for ref := range c.references {
				g[condition] = append(g[condition], c.at(group, condition, ref))
			}
		}
		b.Groups = append(b.Groups, g)
	}
	found, err := b.Judge()
	for _, hits := range [][]disclosure.Hit{found.Hits, found.Review} {
		for i := range hits {
			hits[i].Total = of[hits[i].Total]
		}
	}
	return found, err
}

// measures adds to b the columns that sums and averages are of, one for each reference
// that has it, and returns them by "table.column".
func (r *rules) measures(b *disclosure.Block, c *cells) (map[string][]int, error) {
	at := map[string][]int{}
	for _, a := range c.Aggregates {
		for _, name := range a.Measures {
			if _, known := at[name]; known || !sums(a) {
				continue
			}
			table, column, _ := strings.Cut(name, ".")
			values, err := r.column(table, column)
			if err != nil {
				return nil, err
			}
			level := r.catalog.level([]analysis.Ref{{Table: table, Column: column}})
			for i, ref := range c.references {
				if r.References[ref].Table == table {
					at[name] = append(at[name], len(b.Columns))
					b.Columns = append(b.Columns, disclosure.Measure{Reference: i, Figures: r.figures(ref, level), Column: values})
				}
			}
			if at[name] == nil {
				return nil, errEvidence
			}
		}
	}
	return at, nil
}

func sums(a analysis.Aggregate) bool {
	return !a.Distinct && (a.Function == "sum" || a.Function == "avg" || a.Function == "mean")
}

// totals are what an aggregate tells. A sum over the rows of several tables, or of one
// that is there several times, is judged as if it were over those of each: if few
// entities bear much of the whole, few bear as much of one of these.
func totals(a analysis.Aggregate, measures map[string][]int) []disclosure.Total {
	t := disclosure.Total{Function: disclosure.Other, Set: a.Condition}
	switch {
	case a.Distinct, !sums(a) && a.Function != "count" && a.Function != "count_star":
		return []disclosure.Total{t}
	case a.PerEntity && !sums(a):
		t.Function = disclosure.Entities
		return []disclosure.Total{t}
	case a.Counts:
		t.Function = disclosure.Count
		return []disclosure.Total{t}
	}
	if t.Function = disclosure.Average; a.Function == "sum" {
		t.Function = disclosure.Sum
	}
	var out []disclosure.Total
	for _, name := range a.Measures {
		for _, t.Column = range measures[name] {
			out = append(out, t)
		}
	}
	return out
}

// figures are what the pack asks of totals of that level over the entities of a
// reference.
func (r *rules) figures(ref, level int) disclosure.Figures {
	entity := r.catalog.datasets[r.References[ref].Table].Spec.Entity // a protected table has one
	rules := r.pack.Disclosive(entity.Kind, level)
	f := disclosure.Figures{K: r.References[ref].K, Percent: rules.PPercent}
	said := map[string]string{"of": "counts", "entity": entity.Kind, "k": strconv.Itoa(f.K)}
	if level < highestLevel {
		said["of"], said["level"] = "sums", strconv.Itoa(level)
	}
	var dominance []string
	for _, d := range rules.Dominance {
		f.Dominance = append(f.Dominance, disclosure.Dominance{N: d.N, Percent: d.Percent})
		dominance = append(dominance, fmt.Sprintf("%d:%d%%", d.N, d.Percent))
	}
	if len(dominance) > 0 {
		said["dominance"] = strings.Join(dominance, ",")
	}
	if f.Percent > 0 {
		said["p"] = strconv.Itoa(f.Percent) + "%"
	}
	if base := r.baseOf(entity.Kind, level); base > 0 {
		said[figureBase] = strconv.FormatInt(base, 10)
	}
	r.judgedBy(ruleTotals, said)
	return f
}

// judgedBy notes a rule with its figures, once.
func (e *evidence) judgedBy(rule string, figures map[string]string) {
	if !slices.ContainsFunc(e.rules, func(r release.Rule) bool { return r.Rule == rule && maps.Equal(r.Figures, figures) }) {
		e.rules = append(e.rules, release.Rule{Rule: rule, Figures: figures})
	}
}

// column reads the values of a column as the engine had them.
func (r *rules) column(table, column string) (disclosure.Column, error) {
	name := table + "." + column
	if c, read := r.columns[name]; read {
		return c, nil
	}
	m, err := r.measure(r.ctx, table, column)
	if err != nil {
		return disclosure.Column{}, err
	}
	c := disclosure.Column{Whole: m.whole, Floats: m.floats}
	for _, v := range m.wide {
		c.Wide = append(c.Wide, disclosure.Int128{Low: v[0], High: int64(v[1])})
	}
	if m.whole == nil && m.wide == nil && m.floats == nil {
		c.Whole = make([]int64, len(r.evidence.tables[table].entities)) // no row is in scope
	}
	r.columns[name] = c
	return c, nil
}

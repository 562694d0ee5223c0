package analysis

import (
	"slices"
	"sort"
	"strings"

	"zonebox/query/ast"
)

// maxSteps bounds the work on one statement: common tables and aliases are
// expanded where they are used, which can double with every level.
const maxSteps = 200_000

// maxReferences bounds the tables a statement reads once common tables are
// expanded.
const maxReferences = 256

// analyzer holds what is shared by the blocks of one statement.
type analyzer struct {
	sql    string
	tables map[string]*table
	opt    Options
	hard   bool // a protected table is read: nothing may raise

	references []*reference
	scans      map[*table]map[string]bool // columns read, by table; of subqueries while they are lowered
	facts      facts
	faults     []Fault
	evidence   []*rowSet
	asked      map[*ast.Subquery]*block // queries in expressions, lowered
	trial      bool                     // lowering to compare only: leave no trace
	around     []*scope                 // of the queries that subqueries in expressions stand in, outermost first
	steps      int
	overflow   bool
	unnamed    int
}

// facts are Facts as sets.
type facts struct {
	tables, columns, filter, join, group, functions map[string]bool
	star                                            bool
}

func newFacts() facts {
	set := func() map[string]bool { return map[string]bool{} }
	return facts{tables: set(), columns: set(), filter: set(), join: set(), group: set(), functions: set()}
}

// step counts work and reports whether there is any left.
func (a *analyzer) step(n ast.Node) bool {
	a.steps++
	if a.steps > maxSteps || len(a.references) > maxReferences {
		a.overflow = true
	}
	return !a.overflow
}

func (a *analyzer) span(n ast.Node) (int, int) {
	start, end, ok := ast.Span(a.sql, n)
	if !ok {
		return -1, -1
	}
	return start, end
}

// text is how a fault calls an expression: by its columns, not by its words.
func (a *analyzer) text(n ast.Node) string {
	var names []string
	ast.Walk(n, func(n ast.Node) bool {
		if c, ok := n.(*ast.Column); ok {
			if name := c.Names[len(c.Names)-1]; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return true
	})
	return strings.Join(names, ", ")
}

// protected reports whether a protected table is read.
func (a *analyzer) protected() bool {
	for _, r := range a.references {
		if r.table.protected {
			return true
		}
	}
	return false
}

func (a *analyzer) root(q ast.Query) *block {
	b := a.query(q, nil, true)
	if a.overflow {
		a.faults = nil // whatever else was found depends on what was left out
		a.fault(TooComplex, nil, "SELECT", "")
	}
	return b
}

// statement assembles the result.
func (a *analyzer) statement(root *block) *Statement {
	scans := a.scans
	root.assemble(nil, scans)
	references := map[*reference]int{}
	for _, r := range a.references {
		if r.table.protected {
			references[r] = len(references)
		}
	}
	st := &Statement{Tree: root.out, SQL: ast.Print(root.out), Hidden: root.hidden, Protected: a.protected(), RecordLevel: root.record,
		Limit: root.limit, Offset: root.offset, Ordered: len(root.out.OrderBy) > 0, Order: root.order}
	for _, it := range root.items {
		st.Outputs = append(st.Outputs, root.output(it))
	}
	for _, r := range a.references {
		if r.table.protected {
			st.References = append(st.References, Reference{r.table.Name, r.alias, r.table.K, r.held})
		}
	}
	st.Evidence = a.evident(references)
	needs := a.needs(root.out)
	for t, columns := range scans {
		if len(columns) == 0 {
			columns[fold(t.any())] = true
		}
		sc := Scan{Table: t.Name, Entity: columns["__entity"], Row: columns["__row"], Needs: needs[t]}
		for i := range t.Columns {
			if c := &t.Columns[i]; columns[fold(c.Name)] {
				sc.Columns = append(sc.Columns, c.Name)
				a.facts.columns[source{t, c}.String()] = true
			}
		}
		st.Scans = append(st.Scans, sc)
	}
	sort.Slice(st.Scans, func(i, j int) bool { return st.Scans[i].Table < st.Scans[j].Table })
	st.Facts = a.known()
	return st
}

// known returns the facts gathered so far.
func (a *analyzer) known() Facts {
	f := a.facts
	return Facts{Tables: keys(f.tables), ColumnsRead: keys(f.columns), FilterCols: keys(f.filter), JoinCols: keys(f.join),
		GroupCols: keys(f.group), Functions: keys(f.functions), Star: f.star, Kind: "select"}
}

// any names a column to scan where only rows are counted: the engine has no
// table without one. It prefers what the grants let out, and fixed width.
func (t *table) any() string {
	name, best := "", 0
	for i := range t.Columns {
		c, rank := &t.Columns[i], 1
		if !c.Granted {
			continue
		}
		if c.Mode == Clear {
			rank += 2
		}
		if columnType(c.Type).class != text {
			rank++
		}
		if rank > best {
			name, best = c.Name, rank
		}
	}
	return name
}

func keys(set map[string]bool) []string {
	var out []string
	for k := range set {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func (b *block) output(it *item) Output {
	v := it.val
	o := Output{Name: it.name, Type: v.typ.String(), Form: "clear", Aggregate: v.aggregate, Bare: v.origin != nil || v.each && v.alike(), Path: append([]string{it.name}, v.path...)}
	for _, s := range v.from {
		o.Lineage = append(o.Lineage, Ref{s.table.Name, s.column.Name})
		o.MaxLevel = max(o.MaxLevel, level(s.column))
	}
	if v.kept {
		for _, s := range v.keeps {
			o.Texts = append(o.Texts, Ref{s.table.Name, s.column.Name})
		}
	}
	for _, s := range b.control.from {
		o.Control = append(o.Control, Ref{s.table.Name, s.column.Name})
		o.MaxLevel = max(o.MaxLevel, level(s.column))
	}
	switch {
	case v.token:
		o.Form, o.Recipe = "token", v.recipe
	case v.label:
		o.Form = "group_label"
	case v.aggregate:
		o.Form = "aggregate"
	case v.masked:
		o.Form, o.Recipe = "masked", v.recipe
	case len(v.from) == 0:
		o.Form = "constant"
	}
	return o
}

// level reads an unset level as the highest.
func level(c *Column) int {
	if c.Level < 1 {
		return 9
	}
	return c.Level
}

// assemble writes the select list, leaving out what nobody reads, so that no
// column enters the engine only to be dropped there. used names the columns the
// block outside reads, nil at the root.
func (b *block) assemble(used map[string]bool, scans map[*table]map[string]bool) {
	if b.set != nil {
		b.assembleParts(scans)
		return
	}
	keep := used == nil || b.out.Distinct || len(b.out.OrderBy) > 0
	b.gather(func(item int) bool { return keep || used[fold(b.items[item].name)] })
	for _, it := range b.items {
		if keep || used[fold(it.name)] {
			b.out.List = append(b.out.List, as(it.name, ast.CloneExpr(it.expr)))
		}
	}
	for _, e := range b.carried {
		if keep || used[e.As()] {
			b.out.List = append(b.out.List, e)
		}
	}
	for i, h := range b.hidden {
		b.out.List = append(b.out.List, as(h.Name, b.counts[i]))
	}
	switch {
	case b.aggregated && len(b.keys) == 0 && b.out.Having == nil && !slices.ContainsFunc(b.out.List, hasAggregate):
		// Without an aggregate it would have a row for every row it reads.
		b.out.List = append(b.out.List, as("__one", &ast.Function{Meta: none(), Name: "count_star"}))
	case len(b.out.List) == 0:
		b.out.List = []ast.Expr{as("__one", number(1))}
	}
	reads := map[string]map[string]bool{}
	for _, r := range b.relations {
		reads[fold(r.alias)] = map[string]bool{}
	}
	note := func(e ast.Node) {
		ast.Walk(e, func(n ast.Node) bool {
			if c, ok := n.(*ast.Column); ok {
				if columns := reads[fold(c.Names[0])]; columns != nil {
					columns[fold(c.Names[1])] = true
				}
			}
			_, inner := n.(ast.Query) // a subquery has names of its own
			return !inner
		})
	}
	for _, e := range slices.Concat([]ast.Expr{b.out.Where, b.out.Having}, b.out.List, b.out.GroupBy, b.totals, []ast.Expr{b.noted()}) {
		if e != nil {
			note(e)
		}
	}
	for _, o := range b.out.OrderBy {
		note(o.Expr)
	}
	var joins func(f ast.From)
	joins = func(f ast.From) {
		if j, ok := f.(*ast.Join); ok {
			joins(j.Left)
			joins(j.Right)
			if j.On != nil {
				note(j.On)
			}
		}
	}
	joins(b.out.From)
	for _, r := range b.relations {
		columns := reads[fold(r.alias)]
		if r.block != nil {
			r.block.assemble(columns, scans)
			continue
		}
		t := scans[r.ref.table]
		if t == nil {
			t = map[string]bool{}
			scans[r.ref.table] = t
		}
		for c := range columns {
			t[c] = true
		}
	}
}

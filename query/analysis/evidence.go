package analysis

import (
	"fmt"
	"slices"
	"strings"

	"zonebox/query/ast"
)

// Evidence is what the groups of one block rest on that aggregates rows of
// protected references. The rewrite has the worker note it beside the groups, by
// one aggregate for each block (RowSet): of every group of the block, whatever
// HAVING, ORDER BY, LIMIT or a block outside does with it. The group has a number,
// and each of Columns says which rows are in it.
type Evidence struct {
	Number  int // of the row set, counted from 1; those of blocks within come first
	Columns []EvidenceColumn

	// Releases tells that groups of K entities count as released. Else the block
	// only hands rows on to the block outside: each of its groups is one entity.
	Releases   bool
	Root       bool // Statement.Hidden has the number of each group of the answer
	Having     bool // the statement chooses among the groups
	Keys       []EvidenceKey
	Aggregates []Aggregate

	// Parts are, by condition of an aggregate, the conditions that its rows are parts of
	// by the values that WHERE lists of a column that groups may be made by. There are
	// none where it lists no such values.
	Parts [][]int
}

// EvidenceColumn is one list of rows for each group.
type EvidenceColumn struct {
	Reference int // index in Statement.References
	// Condition tells which rows: 0 is all of the group, others are conditions of
	// aggregates. Below 0 they are handed on to the block outside.
	Condition int
	// Of is 0 where the numbers are those of rows of the reference's version. Else
	// they are numbers of groups of that row set, each standing for the rows of
	// its column OfColumn.
	Of, OfColumn int
	// Throughout tells that each row of FROM has one of the reference.
	Throughout bool
	// Present tells that the condition says no more than that columns of tables are not
	// null.
	Present bool

	Population Population // of the rows, unless they are handed on
}

// Population is what the groups of a block are parts of, as a row of one of its
// references sees it: FROM without tables that are looked up; WHERE and the condition
// without what they say of keys alone, the columns that they fix to one value, and, of
// the condition, that a column is not null; and the keys too unless each is a column or
// a fixed part of one. Where several references stay that read one table, it tells
// which of them the rows are of. Values of parameters are not in it. The texts hold
// constants of the statement.
type Population struct {
	Text string
	// Partners are the protected tables that Text leaves out. Where one of them has two
	// rows of an entity, the population is Full.
	Partners []string
	Full     string
	// Chosen tells that Text is more than one table: the asker chose whose rows they are.
	Chosen bool
}

// EvidenceKey is a group key.
type EvidenceKey struct {
	Output int  // index of the output that shows it, -1 if none does
	Bare   bool // a column of a table, unchanged, or a fixed part of one
}

// Aggregate is an aggregate over the rows of a group.
type Aggregate struct {
	Function string
	Distinct bool
	// Measures are the columns of protected tables that it is computed from,
	// "table.column" sorted, through the blocks within. Counts tells that it tells how many there are, of
	// rows or, if PerEntity, of groups of a block within.
	Measures  []string
	Counts    bool
	PerEntity bool
	Condition int  // whose rows it takes
	Output    int  // index of the output it is in, -1 if it is in none
	Alone     bool // nothing is computed from it there
}

// RowSet is the name of the aggregate of a row set. The worker has it for the row
// sets of a statement (sandbox.Gatherer).
func RowSet(number, columns int) string { return fmt.Sprintf("%s%d_%d", rowSetPrefix, number, columns) }

const rowSetPrefix = "__rows_"

// Shape returns what a rewrite has in common with those that differ in constants and in
// how many values a list has. What is noted says of its conditions what the aggregates
// say, and of its lists how long they are.
func Shape(rewrite ast.Query) string {
	return ast.Shape(ast.Replace(rewrite, func(e ast.Expr) ast.Expr {
		if f, ok := e.(*ast.Function); ok && strings.HasPrefix(f.Name, rowSetPrefix) {
			return &ast.Function{Meta: f.Meta, Name: rowSetPrefix}
		}
		return nil
	}))
}

// maxRowSets and maxRowColumns bound the row sets of a statement and the columns of
// one, as the worker does.
const (
	maxRowSets    = 512
	maxRowColumns = 32
)

// rowName is the column in which a block hands on the rows of ref.
func rowName(ref *reference) string { return "__r" + itoa(ref.id) }

// rowSet is the evidence of a block under way.
type rowSet struct {
	Evidence
	block      *block
	refs       []*reference // by column
	conditions []ast.Expr   // of aggregates, then their parts
	listed     *listed      // that the parts are of
	gathered   bool
	call       ast.Expr // of a block that is whole
}

// called is an aggregate over rows of the block.
type called struct {
	Aggregate
	item int      // of the select list, -1 in HAVING and ORDER BY
	rows ast.Expr // that it takes, nil for all
	text string
}

// calls notes an aggregate of an expression of x over rows of protected
// references.
func (x *lowering) calls(f *Function, e *ast.Function, vs []value, call *ast.Function, rows ast.Expr) {
	b := x.b
	if b.a.trial {
		return
	}
	c := called{Aggregate: Aggregate{Function: f.Name, Distinct: e.Distinct, Output: -1}, item: x.item, rows: rows, text: ast.PrintExpr(call)}
	measures := sources{}
	for _, v := range vs {
		measures = measures.with(v.measures()...)
		c.Counts, c.PerEntity = c.Counts || v.counts, c.PerEntity || v.perEntity
	}
	if len(vs) == 0 || f.Name == "count" {
		c.Counts, c.PerEntity, measures = true, len(x.b.handed()) > 0, nil
	}
	for _, m := range measures {
		if m.table.protected {
			c.Measures = append(c.Measures, m.String())
		}
	}
	slices.Sort(c.Measures)
	if b.root {
		c.Output = x.item
		c.Alone = x.item >= 0 && b.list[x.item].node == ast.Expr(e)
	}
	if slices.ContainsFunc(b.called, func(o called) bool { return o.text == c.text && (o.item == c.item || c.item < 0) }) {
		return
	}
	b.called = append(b.called, c)
}

// measures are the columns that v is of: itself, one of those of a union, or those
// that an aggregate over the rows of an entity was computed from.
func (v value) measures() sources {
	var out sources
	if v.origin != nil {
		out = out.with(source{v.origin.ref.table, v.origin.column})
	}
	for _, o := range v.among {
		out = out.with(source{o.ref.table, o.column})
	}
	return out.with(v.measured...)
}

// handed lists the live references of which a row of b is a group of a block
// within.
func (b *block) handed() (out []live) {
	for _, l := range b.live {
		if l.of > 0 {
			out = append(out, l)
		}
	}
	return out
}

// note begins the evidence of a block that aggregates rows. Of references that it
// hands on, the rows are from then on its groups.
func (b *block) note() {
	a := b.a
	b.evidence = &rowSet{block: b}
	a.evidence = append(a.evidence, b.evidence)
	b.evidence.Number, b.evidence.Releases, b.evidence.Root = len(a.evidence), len(b.enforced) > 0, b.root
	b.evidence.Having = b.sifted
	conditions := len(b.conditions(func(called) bool { return true }))
	if len(a.evidence) > maxRowSets || len(b.deferred)+conditions*len(b.enforced) > maxRowColumns {
		a.overflow = true
	}
	b.live = nil
	for i, l := range b.deferred {
		l.of, l.ofColumn = b.evidence.Number, i
		b.live = append(b.live, l)
	}
}

// noted is the call that stands in a query of its own, nil if none does.
func (b *block) noted() ast.Expr {
	if b.evidence == nil {
		return nil
	}
	return b.evidence.call
}

// conditions lists the distinct conditions of the aggregates that are wanted, all
// rows first.
func (b *block) conditions(wanted func(called) bool) []ast.Expr {
	out := []ast.Expr{nil}
	for _, c := range b.called {
		if wanted(c) && indexOf(out, c.rows) < 0 {
			out = append(out, c.rows)
		}
	}
	return out
}

// indexOf returns where e stands in a list, -1 if it does not.
func indexOf(list []ast.Expr, e ast.Expr) int {
	return slices.IndexFunc(list, func(o ast.Expr) bool {
		return o == nil && e == nil || o != nil && e != nil && ast.EqualExpr(o, e)
	})
}

// gather adds the call that has the rows of each group noted: for the references
// that are handed on, and for those enforced here by each condition of an
// aggregate that is wanted. It stands where nothing leaves it out: among the
// columns of the answer, in those that the block outside reads, or in HAVING.
func (b *block) gather(wanted func(item int) bool) {
	s := b.evidence
	if s == nil || s.gathered {
		return
	}
	s.gathered = true
	var args []ast.Expr
	add := func(l live, condition int, rows ast.Expr) {
		s.Columns = append(s.Columns, EvidenceColumn{Condition: condition, Of: l.of, OfColumn: l.ofColumn})
		s.refs = append(s.refs, l.ref)
		row := ast.CloneExpr(l.rows)
		if rows != nil {
			row = &ast.Case{Meta: none(), Whens: []ast.When{{Cond: ast.CloneExpr(rows), Then: row}}, Else: untypedNull()}
		}
		args = append(args, row)
	}
	for _, l := range b.deferred {
		add(l, -1, nil)
	}
	used := func(c called) bool { return c.item < 0 || wanted(c.item) }
	conditions := b.conditions(used)
	for i, rows := range conditions {
		for _, l := range b.enforced {
			add(l, i, rows)
		}
	}
	s.conditions, s.listed = slices.Clone(conditions), b.listed()
	values := s.listed.values()
	if s.Releases && len(values) > 0 && len(args)+len(values)*len(conditions)*len(b.enforced) <= maxRowColumns {
		for _, rows := range conditions {
			var parts []int
			for _, value := range values {
				part := ast.Conjoin(ast.And, clones(rows, value)...)
				for _, l := range b.enforced {
					add(l, len(s.conditions), part)
				}
				parts, s.conditions = append(parts, len(s.conditions)), append(s.conditions, part)
			}
			s.Parts = append(s.Parts, parts)
		}
	}
	for _, c := range b.called {
		if c.Condition = indexOf(conditions, c.rows); used(c) && s.Releases {
			s.Aggregates = append(s.Aggregates, c.Aggregate)
		}
	}
	outputs := map[string]int{}
	for i, it := range slices.Backward(b.items) {
		outputs[ast.PrintExpr(it.expr)] = i
	}
	for _, k := range b.keys {
		key := EvidenceKey{Output: -1, Bare: b.unchanged(b.part(k.expr))}
		if i, shown := outputs[ast.PrintExpr(k.expr)]; shown && b.root {
			key.Output = i
		}
		s.Keys = append(s.Keys, key)
	}
	var call ast.Expr = &ast.Function{Meta: none(), Name: RowSet(s.Number, len(args)), Args: args}
	if b.whole {
		call = b.noteApart(call)
	}
	switch {
	case b.root:
		for i, g := range b.guards {
			at := slices.IndexFunc(b.enforced, func(l live) bool { return l.ref == g.ref })
			b.hidden[i].Column = len(b.deferred) + indexOf(conditions, g.rows)*len(b.enforced) + at
		}
		b.hidden = append(b.hidden, Hidden{Name: "__s", Kind: "rows", Output: -1, Column: -1})
		b.counts = append(b.counts, call)
	case s.Releases:
		noted := &ast.Operator{Meta: none(), Kind: ast.IsNotNull, Args: []ast.Expr{ast.CloneExpr(call)}}
		b.out.Having = ast.Conjoin(ast.And, b.out.Having, noted)
	}
	for _, l := range b.deferred {
		b.carried = append(b.carried, as(rowName(l.ref), ast.CloneExpr(call)))
	}
}

// noteApart returns what stands for the call in a block that sums up one table:
// as counts do it stands in a query of its own, so that sums need not be fed row
// by row.
func (b *block) noteApart(call ast.Expr) ast.Expr {
	t, r := b.relations[0], b.named("__s")
	b.evidence.call = call
	b.out.With = append(b.out.With, ast.CTE{Name: r.Name, Query: &ast.Select{List: []ast.Expr{as("s", call)},
		From: &ast.Table{Location: ast.NoLocation, Name: t.ref.table.Name, Alias: t.alias}, Where: ast.CloneExpr(b.out.Where)}})
	return &ast.Subquery{Meta: none(), Kind: ast.Scalar, Query: &ast.Select{List: []ast.Expr{field(r.Name, "s")}, From: r}}
}

// throughout lists the references of which each row of FROM has one: none where rows of
// several are put below each other, nor those that an outer join may leave null.
func (b *block) throughout() (out []*reference) {
	for _, r := range b.relations {
		switch {
		case r.nullable:
		case r.block != nil:
			out = append(out, r.block.throughout()...)
		default:
			out = append(out, r.ref)
		}
	}
	return out
}

// place has the population of a reference tell which one it is, where the block reads its
// table by several that the text does not leave out: each has rows of its own.
func (s *rowSet) place(ref *reference, p *Population) {
	var same []*reference
	for _, r := range s.refs {
		if r.table == ref.table && !slices.Contains(same, r) {
			same = append(same, r)
		}
	}
	left := len(same)
	for _, name := range p.Partners {
		if name == ref.table.Name {
			left--
		}
	}
	mark := " #" + itoa(slices.Index(same, ref))
	if left > 1 {
		p.Text += mark
	}
	if len(same) > 1 && p.Full != "" {
		p.Full += mark
	}
}

// listedFor is what the rows of a condition are a part of, nil unless they are one.
func (s *rowSet) listedFor(condition int) *listed {
	if slices.ContainsFunc(s.Parts, func(parts []int) bool { return slices.Contains(parts, condition) }) {
		return s.listed
	}
	return nil
}

// evident returns the evidence of all blocks of the rewrite.
func (a *analyzer) evident(references map[*reference]int) []Evidence {
	var out []Evidence
	for _, s := range a.evidence {
		if !s.gathered {
			continue // of an expression that nobody reads
		}
		throughout := s.block.throughout()
		for i, ref := range s.refs {
			c := &s.Columns[i]
			c.Reference, c.Throughout = references[ref], slices.Contains(throughout, ref)
			if c.Condition >= 0 {
				c.Population = s.block.population(ref, s.conditions[c.Condition], s.listedFor(c.Condition), s.Keys)
				s.place(ref, &c.Population)
				c.Present = s.block.presence(s.conditions[c.Condition])
			}
		}
		out = append(out, s.Evidence)
	}
	return out
}

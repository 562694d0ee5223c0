package analysis

import (
	"slices"

	"zonebox/query/ast"
)

// NodeKind is what a node of a Graph stands for.
type NodeKind string

// Kinds of nodes.
const (
	SourceNode   NodeKind = "source"   // a column of the catalogue
	MaskNode     NodeKind = "mask"     // the recipe a column is masked by, from the scan on
	OperatorNode NodeKind = "operator" // a function, operator or conversion
	ClauseNode   NodeKind = "clause"   // what decides rows: WHERE, JOIN, GROUP BY …
	RowsNode     NodeKind = "rows"     // the rows of one query
	OutputNode   NodeKind = "output"
)

// EdgeKind is how something reaches what is made of it.
type EdgeKind string

// Kinds of edges: into the value, or into which rows there are.
const (
	ValueEdge   EdgeKind = "value"
	ControlEdge EdgeKind = "control"
)

// Graph is the lineage of the outputs of a statement. Nodes are named by their
// index; every edge leads on toward an output, so that there is no cycle.
type Graph struct {
	Nodes []Node
	Edges []Edge
}

// Node is one node of a Graph.
type Node struct {
	Kind NodeKind
	Name string
}

// Edge leads from one node to another.
type Edge struct {
	From, To int
	Kind     EdgeKind
}

// Lineage draws where the outputs of s come from: the columns of cat that their
// values are made of, the chain of operators between, and the columns that
// decided their rows.
//
// It is drawn from the rewrite, which names everything in full (for a plain
// statement from what the rewrite would be, if there is one), and says no less
// than the labels that were judged: a column of Output.Lineage or Control that
// the drawing does not reach is connected with its output directly.
func Lineage(s *Statement, cat Catalog) Graph {
	if len(s.Outputs) > drawable {
		return Graph{}
	}
	d := &drawing{index: map[string]int{}, edges: map[Edge]bool{}, masks: map[string]string{}}
	for _, t := range cat.Tables {
		for _, c := range t.Columns {
			if c.Mode == Masked {
				d.masks[t.Name+"."+c.Name] = c.Recipe
			}
		}
	}
	if s.RecordLevel {
		d.ties, d.keys = s.Tree, len(s.Order)
	}
	tree := s.Tree
	if s.reading != nil {
		tree = s.reading.Tree
	}
	drawn := d.query(tree, nil)
	for i, o := range s.Outputs {
		out := d.add(OutputNode, o.Name)
		if i < len(drawn.columns) {
			d.join(drawn.columns[i].made, out, ValueEdge)
			d.join([]int{drawn.rows}, out, ControlEdge)
		}
		d.reach(out)
		for _, refs := range []struct {
			of   []Ref
			kind EdgeKind
		}{{o.Lineage, ValueEdge}, {o.Control, ControlEdge}} {
			for _, r := range refs.of {
				if source := d.source(r.Table, r.Column); d.visited[source[0]] != d.walk {
					d.join(source, out, refs.kind)
				}
			}
		}
	}
	return d.pruned()
}

// drawable is the most outputs that are drawn: a larger graph shows nobody
// anything.
const drawable = 1000

// drawing is a Graph under way.
type drawing struct {
	Graph
	index   map[string]int // of nodes that stand for one column
	edges   map[Edge]bool
	into    [][]int           // by node: from where an edge leads to it
	visited []int             // by node: the walk that came there last
	walk    int               // number of walks
	masks   map[string]string // recipes by "table.column"
	ties    ast.Query         // the query whose ORDER BY has more keys than were written, to order equal rows
	keys    int               // that were written
}

// relationOf is a query or table as the FROM clause around it sees it.
type relationOf struct {
	alias   string
	table   string // of a base table
	columns []columnOf
	rows    int // the node of its rows, -1 for a base table
}

type columnOf struct {
	name string
	made []int
}

// seen is a chain of FROM clauses, innermost first.
type seen struct {
	up        *seen
	relations []relationOf
}

func (d *drawing) add(kind NodeKind, name string) int {
	d.Nodes, d.into, d.visited = append(d.Nodes, Node{kind, name}), append(d.into, nil), append(d.visited, 0)
	return len(d.Nodes) - 1
}

func (d *drawing) join(from []int, to int, kind EdgeKind) {
	for _, f := range from {
		e := Edge{f, to, kind}
		if f >= 0 && f != to && !d.edges[e] {
			d.edges[e] = true
			d.Edges = append(d.Edges, e)
			d.into[to] = append(d.into[to], f)
		}
	}
}

// source returns the node that a column enters by: its own, or its mask's.
func (d *drawing) source(table, column string) []int {
	name := table + "." + column
	at, known := d.index[name]
	if !known {
		at = d.add(SourceNode, name)
		if recipe, masked := d.masks[name]; masked {
			mask := d.add(MaskNode, recipe)
			d.join([]int{at}, mask, ValueEdge)
			at = mask
		}
		d.index[name] = at
	}
	return []int{at}
}

// query draws q and returns it as a relation without a name.
func (d *drawing) query(q ast.Query, up *seen) relationOf {
	switch q := q.(type) {
	case *ast.Select:
		return d.block(q, up)
	case *ast.SetOperation:
		return d.set(q, up)
	}
	return relationOf{rows: -1}
}

func (d *drawing) block(s *ast.Select, up *seen) relationOf {
	here := &seen{up: up}
	rows := d.add(RowsNode, "")
	d.from(s.From, here, rows)
	d.decides("WHERE", rows, here, s.Where)
	d.decides("GROUP BY", rows, here, s.GroupBy...)
	d.decides("HAVING", rows, here, s.Having)
	out := relationOf{rows: rows}
	for _, e := range s.List {
		out.columns = append(out.columns, columnOf{e.As(), d.value(e, here)})
	}
	if s.Distinct {
		for _, c := range out.columns {
			d.join(c.made, d.clause("DISTINCT", rows), ControlEdge)
		}
	}
	keys := s.OrderBy
	if ast.Query(s) == d.ties {
		keys = keys[:d.keys]
	}
	for _, o := range keys {
		if c, ok := o.Expr.(*ast.Constant); ok && !c.Null {
			if i := position(c.Text); i >= 0 && i < len(out.columns) {
				d.join(out.columns[i].made, d.clause("ORDER BY", rows), ControlEdge)
			}
			continue
		}
		d.decides("ORDER BY", rows, here, o.Expr)
	}
	return out
}

func (d *drawing) set(s *ast.SetOperation, up *seen) relationOf {
	out := relationOf{rows: d.add(RowsNode, string(s.Kind))}
	for n, q := range s.Inputs {
		in := d.query(q, up)
		d.join([]int{in.rows}, out.rows, ControlEdge)
		for i, c := range in.columns {
			if n == 0 {
				out.columns = append(out.columns, columnOf{c.name, nil})
			}
			if i < len(out.columns) {
				out.columns[i].made = append(out.columns[i].made, c.made...)
			}
			if s.Kind != ast.Union || !s.All {
				d.join(c.made, out.rows, ControlEdge)
			}
		}
	}
	return out
}

// position reads an ordinal and returns it from 0, -1 if it is none.
func position(text string) int {
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' || n > 1<<20 {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n - 1
}

// clause returns the node of a clause of the query with these rows.
func (d *drawing) clause(name string, rows int) int {
	for _, e := range d.Edges {
		if n := d.Nodes[e.From]; e.To == rows && n.Kind == ClauseNode && n.Name == name {
			return e.From
		}
	}
	at := d.add(ClauseNode, name)
	d.join([]int{at}, rows, ControlEdge)
	return at
}

// decides draws what a clause looks at.
func (d *drawing) decides(name string, rows int, in *seen, es ...ast.Expr) {
	for _, e := range es {
		if e == nil {
			continue
		}
		if made := d.columnsOf(e, in); len(made) > 0 {
			d.join(made, d.clause(name, rows), ControlEdge)
		}
	}
}

// columnsOf returns the columns an expression looks at, without its operators.
func (d *drawing) columnsOf(e ast.Expr, in *seen) []int {
	var out []int
	ast.Walk(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Column:
			out = append(out, d.column(n, in)...)
		case *ast.Subquery:
			if counts(n) {
				return false
			}
			inner := d.query(n.Query, in)
			out = append(out, inner.rows)
			for _, c := range inner.columns {
				out = append(out, c.made...)
			}
			if n.Left != nil {
				out = append(out, d.columnsOf(n.Left, in)...)
			}
			return false
		}
		return true
	})
	return out
}

func (d *drawing) from(f ast.From, in *seen, rows int) {
	switch f := f.(type) {
	case *ast.Table:
		if ours(f.Name) {
			return // counts of entities
		}
		in.relations = append(in.relations, relationOf{alias: aliasOf(f.Alias, f.Name), table: f.Name, rows: -1})
	case *ast.Derived:
		r := d.query(f.Query, in)
		r.alias = fold(f.Alias)
		for i, name := range f.Columns {
			if i < len(r.columns) {
				r.columns[i].name = name
			}
		}
		d.join([]int{r.rows}, rows, ControlEdge)
		in.relations = append(in.relations, r)
	case *ast.Join:
		d.from(f.Left, in, rows)
		d.from(f.Right, in, rows)
		d.decides("JOIN", rows, in, f.On)
	}
}

func aliasOf(alias, name string) string {
	if alias == "" {
		alias = name
	}
	return fold(alias)
}

// column returns what a reference is made of, nil for the hidden entity.
func (d *drawing) column(c *ast.Column, in *seen) []int {
	if len(c.Names) != 2 || ours(c.Names[1]) {
		return nil
	}
	for ; in != nil; in = in.up {
		for _, r := range in.relations {
			if r.alias != fold(c.Names[0]) {
				continue
			}
			if r.table != "" {
				return d.source(r.table, c.Names[1])
			}
			for _, col := range r.columns {
				if fold(col.name) == fold(c.Names[1]) {
					return col.made
				}
			}
		}
	}
	return nil
}

// reach marks every node from which an edge leads to at, directly or not, as
// visited by a walk of its own.
func (d *drawing) reach(at int) {
	d.walk++
	for next := []int{at}; len(next) > 0; {
		n := next[len(next)-1]
		next = next[:len(next)-1]
		for _, f := range d.into[n] {
			if d.visited[f] != d.walk {
				d.visited[f] = d.walk
				next = append(next, f)
			}
		}
	}
}

// pruned leaves out what leads to no output, and rows that nothing decided, and
// numbers the rest anew.
func (d *drawing) pruned() Graph {
	all := d.add(OutputNode, "")
	for i, n := range d.Nodes[:all] {
		if n.Kind == OutputNode {
			d.into[all] = append(d.into[all], i)
		}
	}
	d.reach(all)
	keep := func(i int) bool { return d.visited[i] == d.walk }
	for i := len(d.Nodes) - 1; i >= 0; i-- { // rows come before the rows they are made of
		if d.Nodes[i].Kind == RowsNode && !slices.ContainsFunc(d.into[i], keep) {
			d.visited[i] = 0
		}
	}
	var out Graph
	number := make([]int, len(d.Nodes))
	for i, n := range d.Nodes {
		if keep(i) {
			number[i] = len(out.Nodes)
			out.Nodes = append(out.Nodes, n)
		}
	}
	for _, e := range d.Edges {
		if keep(e.From) && keep(e.To) {
			out.Edges = append(out.Edges, Edge{number[e.From], number[e.To], e.Kind})
		}
	}
	return out
}

package analysis

import (
	"slices"
	"sort"
	"strings"

	"zonebox/query/ast"
)

// A statement that reads no protected table runs as it was written, whatever it
// is made of: what such tables hold may leave. All that has to be known of it is
// what it may call and which tables and columns it can read.
//
// Names are found by their scope, as far as common tables go, and beyond that by
// their spelling: a column is read if anything in the statement is called like
// it. To find too much is harmless, since only what the grants give ever enters
// the engine, and to find too little makes the engine's binder fail.
type plain struct {
	*analyzer
	tables    []*table         // that it names, in order of first use
	columns   []*ast.Column    // references
	called    map[string]bool  // folded: what may name a column
	defined   map[string]bool  // folded: names the statement gives
	relations map[string]bool  // folded: those of them that may stand for a whole row
	every     bool             // reads columns it does not name
	doubts    []*ast.Column    // names of columns that the engine makes calls elsewhere
	weight    map[*ast.CTE]int // steps it took
	items     *items           // of the SELECT at hand
}

// items are the names that a SELECT gives what it lists. The engine copies an item
// to wherever its name is used after it.
type items struct {
	up     *items         // of the query around a subquery in an expression
	weight map[string]int // steps by folded name
}

// use counts the steps of the item that a name may stand for.
func (p *plain) use(name string) {
	for i := p.items; i != nil; i = i.up {
		if w, ok := i.weight[fold(name)]; ok {
			p.steps += w
			return
		}
		p.steps++
	}
}

// survey finds what tree reads, or the faults of what it may not.
func (a *analyzer) survey(tree ast.Query) *plain {
	p := &plain{analyzer: a, called: map[string]bool{}, defined: map[string]bool{}, relations: map[string]bool{}, weight: map[*ast.CTE]int{}}
	p.query(tree, nil)
	p.withheld()
	if p.overflow {
		p.faults = nil // whatever else was found depends on what was left out
		p.fault(TooComplex, nil, "SELECT", "")
	}
	return p
}

// open reports whether no table read is protected and no column a token, which
// may leave only bare.
func (p *plain) open() bool {
	for _, t := range p.tables {
		if t.protected {
			return false
		}
		if slices.ContainsFunc(p.scanned(t), func(c *Column) bool { return c.Token }) {
			return false
		}
	}
	return true
}

// scanned returns what of a table enters the engine: at least one column.
func (p *plain) scanned(t *table) []*Column {
	var out []*Column
	for i := range t.Columns {
		if c := &t.Columns[i]; p.reads(c) {
			out = append(out, c)
		}
	}
	if c := t.columns[fold(t.any())]; len(out) == 0 && c != nil {
		out = append(out, c)
	}
	return out
}

// reads reports whether c may be read.
func (p *plain) reads(c *Column) bool { return c.Granted && (p.every || p.called[fold(c.Name)]) }

// query looks through a query in which the common tables of e are visible.
func (p *plain) query(q ast.Query, e *env) {
	with := withOf(q)
	for i := range with {
		c := &with[i]
		own := &env{up: e, name: fold(c.Name), def: common{c, e}}
		inside := e
		if _, recursive := c.Query.(*ast.Recursive); recursive {
			inside = own // it may name itself
		}
		before, outside := p.steps, p.items
		p.items = nil
		p.query(c.Query, inside)
		p.items = outside
		p.weight[c] = p.steps - before
		p.define(c.Columns...)
		e = own
	}
	children := ast.Children(q)[len(with):]
	if s, ok := q.(*ast.Select); ok {
		p.items = &items{up: p.items, weight: map[string]int{}}
		defer func() { p.items = p.items.up }()
		for _, x := range s.List {
			before := p.steps
			p.node(x, q, e)
			if x.As() != "" {
				p.items.weight[fold(x.As())] = p.steps - before
			}
		}
		children = slices.Delete(children, len(s.DistinctOn), len(s.DistinctOn)+len(s.List))
	}
	for _, n := range children {
		p.node(n, q, e)
	}
}

// node looks through n, which is directly below parent.
func (p *plain) node(n, parent ast.Node, e *env) {
	if !p.step(n) {
		return
	}
	if x, ok := n.(ast.Expr); ok {
		p.define(x.As())
	}
	switch n := n.(type) {
	case ast.Query:
		p.query(n, e)
		return
	case *ast.Table:
		p.table(n, e)
	case *ast.TableFunction:
		p.relation(n.Alias, n.Call.Name)
		p.define(n.Columns...)
		p.call(LookupTable(n.Call.Name), n.Call.Catalog, n.Call.Schema, n.Call.Name, n.Call.Args, n)
		for _, c := range ast.Children(n.Call) {
			p.node(c, n.Call, e)
		}
		return
	case *ast.Function:
		if x := receiver(n); x != nil {
			p.column(x)
			p.call(LookupCall(n.Name), "", "", n.Name, slices.Concat([]ast.Expr{x}, n.Args), n)
		} else {
			p.call(LookupCall(n.Name), n.Catalog, n.Schema, n.Name, n.Args, n)
		}
	case *ast.Window:
		p.call(LookupCall(n.Name), n.Catalog, n.Schema, n.Name, n.Args, n)
	case *ast.Column:
		p.column(n)
	case *ast.Star, *ast.Columns, *ast.Position:
		p.every = true
	case *ast.Field:
		p.name(n.Name)
	case *ast.Join:
		p.name(n.Using...)
		p.every = p.every || n.Form == ast.NaturalJoin
	case *ast.Derived:
		p.relation(n.Alias)
		p.define(n.Columns...)
		defer func(outside *items) { p.items = outside }(p.items)
		p.items = nil
	case *ast.Pivot:
		p.relation(n.Alias)
		p.define(n.Columns...)
		p.every = true
		for _, c := range n.On {
			if c.Enum != "" {
				p.fault(UnsupportedSyntax, n, "PIVOT … IN "+c.Enum, "")
			}
		}
	case *ast.Unpivot:
		p.relation(n.Alias)
		p.define(append(append([]string{n.Name}, n.Columns...), n.Values...)...)
		p.every = true
	case *ast.Show:
		if n.Query == nil {
			p.fault(UnsupportedSyntax, parent, "SHOW", "")
		}
		p.every = true
	}
	for _, c := range ast.Children(n) {
		p.node(c, n, e)
	}
}

// table notes a table that is no common table.
func (p *plain) table(t *ast.Table, e *env) {
	p.relation(t.Name, t.Alias)
	p.define(t.Columns...)
	p.every = p.every || len(t.Columns) > 0 // they are given by position
	if t.At != nil {
		p.fault(UnsupportedSyntax, t, "AT", "")
	}
	qualified := t.Schema != "" || t.Catalog != ""
	if c := e.find(t.Name); !qualified && c != nil {
		p.steps += p.weight[c.cte] // the engine may expand it here
		return
	}
	base := p.analyzer.tables[fold(t.Name)]
	if qualified || base == nil {
		p.fault(UnknownName, t, strings.TrimLeft(t.Catalog+"."+t.Schema+"."+t.Name, "."), "")
		return
	}
	for _, known := range p.tables {
		if known == base {
			return
		}
	}
	p.tables = append(p.tables, base)
	p.facts.tables[base.Name] = true
	if base.any() == "" { // nothing of it can enter the engine
		full := base.Name + "." + base.Columns[0].Name
		p.fault(NotGranted, t, full, full)
	}
}

// call judges a call by the reviewed list.
func (p *plain) call(f *Function, catalog, schema, name string, args []ast.Expr, n ast.Node) {
	if f == nil || f.Class == RefusedClass || catalog != "" || schema != "" && fold(schema) != "main" {
		p.fault(FunctionNotAllowed, n, name, "")
		p.explain(f, name)
		return
	}
	p.facts.functions[name] = true
	if f.NamesAggregate && !namesAggregate(args) {
		p.fault(FunctionNotAllowed, n, name, "")
	}
}

// schemas are what the engine takes for a place of functions before it looks for
// a column of that name.
var schemas = []string{"main", "pg_catalog", "information_schema", "system", "temp", "memory"}

// receiver returns the column x of a call that was written x.f(…), which the
// parser gives as f of schema x, nil of any other call.
func receiver(f *ast.Function) *ast.Column {
	if f.Schema == "" || slices.Contains(schemas, fold(f.Schema)) || slices.Contains(schemas, fold(f.Catalog)) {
		return nil
	}
	c := &ast.Column{Meta: ast.Meta{Location: f.Location}, Names: []string{f.Schema}}
	if f.Catalog != "" {
		c.Names = []string{f.Catalog, f.Schema}
	}
	return c
}

func (p *plain) column(c *ast.Column) {
	p.columns = append(p.columns, c)
	p.name(c.Names...)
	if len(c.Names) == 1 {
		p.use(c.Names[0])
	}
}

func (p *plain) name(names ...string) {
	for _, n := range names {
		p.called[fold(n)] = true
	}
}

func (p *plain) define(names ...string) {
	for _, n := range names {
		p.defined[fold(n)] = true
	}
}

func (p *plain) relation(names ...string) {
	p.define(names...)
	for _, n := range names {
		p.relations[fold(n)] = true
	}
}

// known reports whether a name is a granted column of a table that is read.
func (p *plain) known(name string) bool {
	for _, t := range p.tables {
		if c := t.columns[fold(name)]; c != nil && c.Granted {
			return true
		}
	}
	return false
}

// withheld looks at the references again, when all tables and names are known:
// for those that can only be published columns that are not granted, for rows
// taken as a whole, and for bare names that the engine makes calls.
func (p *plain) withheld() {
	for _, c := range p.columns {
		last := c.Names[len(c.Names)-1]
		p.every = p.every || p.relations[fold(last)]
		given := p.known(last) || p.defined[fold(last)]
		if f := LookupKeyword(last); f != nil && len(c.Names) == 1 {
			if given && f.Class == RefusedClass {
				p.doubts = append(p.doubts, c) // it may be given elsewhere
			} else {
				p.call(f, "", "", last, nil, c)
			}
			continue
		}
		if given {
			continue
		}
		if fold(last) == "rowid" { // no column of what enters the engine
			p.fault(UnknownName, c, last, "")
			continue
		}
		for _, t := range p.tables {
			if col := t.columns[fold(last)]; col != nil && !t.protected {
				full := source{t, col}.String()
				p.fault(NotGranted, c, full, full)
				break
			}
		}
	}
}

// unsettled adds the faults of names that nothing shows to be columns.
func (p *plain) unsettled() {
	for _, c := range p.doubts {
		p.call(LookupKeyword(c.Names[0]), "", "", c.Names[0], nil, c)
	}
}

// statement is the accepted statement. Which outputs it has the engine tells:
// see Named.
func (p *plain) statement(tree ast.Query) *Statement {
	st := &Statement{Tree: tree, SQL: ast.Print(tree), Plain: true, Ordered: ordered(tree)}
	for _, t := range p.tables {
		sc := Scan{Table: t.Name}
		for _, c := range p.scanned(t) {
			sc.Columns = append(sc.Columns, c.Name)
			p.facts.columns[source{t, c}.String()] = true
			st.reads = append(st.reads, source{t, c})
		}
		st.Scans = append(st.Scans, sc)
	}
	sort.Slice(st.Scans, func(i, j int) bool { return st.Scans[i].Table < st.Scans[j].Table })
	f := p.facts
	columns := keys(f.columns)
	st.Facts = Facts{Tables: keys(f.tables), ColumnsRead: columns, FilterCols: columns, JoinCols: columns, GroupCols: columns,
		Functions: keys(f.functions), Star: p.every, Kind: "select"}
	return st
}

func ordered(q ast.Query) bool {
	switch q := q.(type) {
	case *ast.Select:
		return len(q.OrderBy) > 0
	case *ast.SetOperation:
		return len(q.OrderBy) > 0
	}
	return false
}

// understood adds what the rules for protected tables found out about s, of which
// r would be the rewrite: lineage, which rows of a segment it needs, and what
// columns are used for.
func (s *Statement) understood(r *Statement) *Statement {
	s.reading, s.Outputs = r, r.Outputs
	for i := range s.Scans {
		if j := slices.IndexFunc(r.Scans, func(sc Scan) bool { return sc.Table == s.Scans[i].Table }); j >= 0 {
			s.Scans[i].Needs = r.Scans[j].Needs
		}
	}
	s.Facts.FilterCols, s.Facts.JoinCols, s.Facts.GroupCols = r.Facts.FilterCols, r.Facts.JoinCols, r.Facts.GroupCols
	return s
}

// unclear returns the faults of a statement of which nothing but names was not
// understood, nil of any other.
func (a *analyzer) unclear() []Fault {
	names := []string{UnknownName, AmbiguousName, NotGrouped, MisplacedAggregate}
	if slices.ContainsFunc(a.faults, func(f Fault) bool { return !slices.Contains(names, f.Code) && !a.follows(f) }) {
		return nil
	}
	return a.refusal(nil).Faults
}

// Named gives a plain statement its outputs, as the engine has bound them. Of one
// that was not understood each may be made of everything the statement reads.
func (s *Statement) Named(columns []Column) {
	made := s.reading != nil && len(s.reading.Outputs) == len(columns)
	for i, c := range columns {
		made = made && (s.reading.Outputs[i].Type == "" || s.reading.Outputs[i].Type == c.Type)
	}
	s.Outputs = nil
	for i, c := range columns {
		o := Output{Name: c.Name, Type: c.Type, Form: "clear", Path: []string{c.Name}}
		if made {
			o = s.reading.Outputs[i]
			o.Name, o.Type, o.Path = c.Name, c.Type, append([]string{c.Name}, o.Path[1:]...)
			s.Outputs = append(s.Outputs, o)
			continue
		}
		for _, src := range s.reads {
			o.Lineage = append(o.Lineage, Ref{src.table.Name, src.column.Name})
			o.MaxLevel = max(o.MaxLevel, level(src.column))
			if src.column.Mode == Masked {
				o.Form = "masked"
			}
		}
		o.Control = o.Lineage
		s.Outputs = append(s.Outputs, o)
	}
}

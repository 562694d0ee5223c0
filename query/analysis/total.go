package analysis

import "zonebox/query/ast"

// prefixRows is how many rows of a table a query without groups looks at first.
const prefixRows = 1 << 15

// total reports whether b, lowered from s, sums up one table without groups. There
// the engine adds whole vectors, unless one aggregate can only be fed row by row
// as the counter is: sums then cost six times as much. So the counts stand in
// queries of their own,
//
//	p: SELECT counts FROM (the first rows of t) WHERE …
//	q: SELECT counts FROM t, (SELECT 1 FROM p WHERE some count is too small) WHERE …
//	n: SELECT the greater of both FROM p, q
//
// of which q mostly reads no row. Each counts rows of t that the condition lets
// through, so that no count is too large, whichever rows come first and however
// often the engine evaluates p.
//
// A query in an expression would be run once for each of them.
func (b *block) total(s *ast.Select) bool {
	if len(b.keys) > 0 || len(b.relations) != 1 || b.relations[0].block != nil {
		return false
	}
	alone := true
	ast.Walk(s, func(n ast.Node) bool {
		_, sub := n.(*ast.Subquery)
		alone = alone && !sub
		return alone
	})
	return alone
}

// apart returns what stands for a count of b in b itself.
func (b *block) apart(count ast.Expr) ast.Expr {
	at := 0
	for at < len(b.totals) && !ast.EqualExpr(b.totals[at], count) {
		at++
	}
	if at == len(b.totals) {
		b.totals = append(b.totals, count)
	}
	n := b.named("__n")
	return &ast.Subquery{Meta: none(), Kind: ast.Scalar, Query: &ast.Select{
		List: []ast.Expr{field(n.Name, totalName(at))}, From: n}}
}

func totalName(i int) string { return "n" + itoa(i+1) }

// named is the common table of b that starts with prefix.
func (b *block) named(prefix string) *ast.Table {
	name := prefix + itoa(b.relations[0].ref.id)
	return &ast.Table{Location: ast.NoLocation, Name: name, Alias: name}
}

func field(table, name string) *ast.Column {
	return &ast.Column{Meta: none(), Names: []string{table, name}}
}

// countApart adds the queries that make b.totals.
func (b *block) countApart() {
	if len(b.totals) == 0 {
		return
	}
	t := b.relations[0]
	p, q, n := b.named("__p"), b.named("__q"), b.named("__n")
	counts := func(from ast.From) *ast.Select {
		s := &ast.Select{From: from, Where: ast.CloneExpr(b.out.Where)}
		for i, c := range b.totals {
			s.List = append(s.List, as(totalName(i), ast.CloneExpr(c)))
		}
		return s
	}
	table := func() *ast.Table { return &ast.Table{Location: ast.NoLocation, Name: t.ref.table.Name, Alias: t.alias} }

	first := &ast.Select{From: table(), Limit: number(prefixRows)}
	for _, c := range b.counted() {
		first.List = append(first.List, field(t.alias, c))
	}
	few := &ast.Select{List: []ast.Expr{as("few", number(1))}, From: p}
	greater := &ast.Select{From: cross(p, q)}
	var small []ast.Expr
	for i := range b.totals {
		name := totalName(i)
		small = append(small, &ast.Comparison{Meta: none(), Op: ast.CompareLess, Left: field(p.Name, name), Right: number(t.ref.table.K)})
		greater.List = append(greater.List, as(name, &ast.Function{Meta: none(), Name: "greatest",
			Args: []ast.Expr{field(p.Name, name), field(q.Name, name)}}))
	}
	few.Where = ast.Conjoin(ast.Or, small...)
	b.out.With = []ast.CTE{
		{Name: p.Name, Query: counts(&ast.Derived{Location: ast.NoLocation, Alias: t.alias, Query: first})},
		{Name: q.Name, Query: counts(cross(table(), &ast.Derived{Location: ast.NoLocation, Alias: "__few", Query: few}))},
		{Name: n.Name, Query: greater},
	}
}

func cross(left, right ast.From) *ast.Join {
	return &ast.Join{Location: ast.NoLocation, Kind: ast.InnerJoin, Form: ast.CrossJoin, Left: left, Right: right}
}

// counted lists the columns that the counts and their condition read.
func (b *block) counted() []string {
	var out []string
	seen := map[string]bool{}
	for _, e := range append([]ast.Expr{b.out.Where}, b.totals...) {
		if e == nil {
			continue
		}
		ast.Walk(e, func(n ast.Node) bool {
			if c, ok := n.(*ast.Column); ok && !seen[fold(c.Names[1])] {
				seen[fold(c.Names[1])] = true
				out = append(out, c.Names[1])
			}
			return true
		})
	}
	return out
}

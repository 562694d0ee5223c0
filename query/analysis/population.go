package analysis

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"zonebox/query/ast"
)

// population returns the population of the rows of a reference that meet a condition of
// an aggregate, nil for all. Where that says which of the values in it is a listed one, the
// list chooses nothing more.
//
// Two questions of one population are as parts of one question: what they leave over of
// each other is what that would not have shown either, and no condition of the asker's
// chose it.
func (b *block) population(of *reference, condition ast.Expr, in *listed, keys []EvidenceKey) Population {
	left := slices.DeleteFunc(b.unimplied(b.out.Where), func(e ast.Expr) bool { return in != nil && e == ast.Expr(in.Operator) })
	for _, e := range b.unimplied(condition) {
		if !b.present(e) {
			left = append(left, e)
		}
	}
	where := ast.Conjoin(ast.And, left...)
	var groupBy []ast.Expr
	if slices.ContainsFunc(keys, func(k EvidenceKey) bool { return !k.Bare }) {
		groupBy = b.out.GroupBy
	}
	c := core{block: b, of: of, asked: map[string]bool{}}
	for _, e := range append(slices.Clone(groupBy), left...) {
		for alias := range owners(e) {
			c.asked[alias] = true
		}
	}
	p := Population{Text: c.text(where, groupBy)}
	p.Chosen = where != nil || len(groupBy) > 0 || !c.table
	if p.Partners = c.partners; len(p.Partners) > 0 {
		c.whole = true
		p.Full = c.text(where, groupBy)
	}
	return p
}

// core is FROM with what it reads called by its place, and without those that are looked up:
// which rows find a partner there nobody chooses who asks.
//
// An open table is looked up by its columns; where it has several rows for one, those of
// others are noted as often. Of a protected one it takes the column of its
// entity: where no entity has two rows there, it adds columns to the rows of the others,
// as if they had had them; that there is a partner is one of these, of one value. A
// table stays that what is left of the conditions, or a key, reads.
type core struct {
	block    *block
	of       *reference
	asked    map[string]bool   // by alias
	whole    bool              // protected tables stay
	names    map[string]string // by alias
	table    bool              // nothing else stays
	partners []string          // protected tables that were left out
}

func (c *core) text(where ast.Expr, groupBy []ast.Expr) string {
	c.names = map[string]string{}
	for c.keep(c.block.out.From) {
	}
	p := &ast.Select{List: []ast.Expr{number(1)}, From: c.from(c.block.out.From), Where: c.called(where)}
	_, c.table = p.From.(*ast.Table)
	for _, e := range groupBy {
		p.GroupBy = append(p.GroupBy, c.called(e))
	}
	return ast.Print(ast.Replace(p, func(e ast.Expr) ast.Expr {
		if f, ok := e.(*ast.Function); ok && strings.HasPrefix(f.Name, rowSetPrefix) { // its number depends on what stands around it
			return &ast.Function{Meta: f.Meta, Name: rowSetPrefix, Args: f.Args}
		}
		return nil
	}))
}

// called returns e with columns by the names that tables have in the text. Those of a query
// within are its own, whatever it calls its tables.
func (c *core) called(e ast.Expr) ast.Expr {
	if e == nil {
		return nil
	}
	return ast.Replace(&ast.Select{List: []ast.Expr{e}}, func(e ast.Expr) ast.Expr {
		switch e := e.(type) {
		case *ast.Subquery:
			q := *e
			q.Left = c.called(e.Left)
			return &q
		case *ast.Column:
			if name := c.names[fold(e.Names[0])]; name != "" && len(e.Names) == 2 {
				return &ast.Column{Meta: e.Meta, Names: []string{name, fold(e.Names[1])}}
			}
		}
		return nil
	}).List[0]
}

// keep has tables stay by which others that stay are joined, and reports whether any did
// not before.
func (c *core) keep(f ast.From) bool {
	j, ok := f.(*ast.Join)
	if !ok {
		return false
	}
	more := false
	if c.lookedUp(j) == nil && j.On != nil {
		for alias := range owners(j.On) {
			more = more || !c.asked[alias]
			c.asked[alias] = true
		}
	}
	left, right := c.keep(j.Left), c.keep(j.Right)
	return more || left || right
}

func (c *core) from(f ast.From) ast.From {
	switch f := f.(type) {
	case *ast.Table:
		return &ast.Table{Location: ast.NoLocation, Name: fold(f.Name), Alias: c.name(f.Alias)}
	case *ast.Derived:
		d := *f
		d.Alias = c.name(f.Alias)
		return &d
	case *ast.Join:
		if r := c.lookedUp(f); r != nil {
			if r.ref.table.protected {
				c.partners = append(c.partners, r.ref.table.Name)
			}
			if r.is(f.Right) {
				return c.from(f.Left)
			}
			return c.from(f.Right)
		}
		j := *f
		j.Left, j.Right = c.from(f.Left), c.from(f.Right)
		j.On = c.called(f.On)
		return &j
	}
	return f
}

// name gives what FROM calls alias the name of its place.
func (c *core) name(alias string) string {
	name := "t" + itoa(len(c.names)+1)
	c.names[fold(alias)] = name
	return name
}

// lookedUp returns the table that a join looks up, nil if it looks up none.
func (c *core) lookedUp(j *ast.Join) *relation {
	if j.Kind == ast.InnerJoin || j.Kind == ast.LeftJoin {
		if r := c.lookup(j.Right, j.On); r != nil {
			return r
		}
	}
	if j.Kind == ast.InnerJoin || j.Kind == ast.RightJoin {
		return c.lookup(j.Left, j.On)
	}
	return nil
}

// lookup returns the table that f is if a join looks it up, nil if it does not.
func (c *core) lookup(f ast.From, on ast.Expr) *relation {
	t, ok := f.(*ast.Table)
	r := c.block.relation(t)
	switch {
	case !ok || r == nil || r.ref == c.of || c.asked[fold(t.Alias)]:
		return nil
	case !r.ref.table.protected && byColumns(on, r), r.ref.table.protected && !c.whole && byEntity(on, r):
		return r
	}
	return nil
}

// is reports whether f is the table of r.
func (r *relation) is(f ast.From) bool {
	t, ok := f.(*ast.Table)
	return ok && fold(t.Alias) == fold(r.alias)
}

// relation returns what a table of FROM stands for, nil if that is no table of the
// catalogue.
func (b *block) relation(t *ast.Table) *relation {
	for _, r := range b.relations {
		if t != nil && r.ref != nil && r.block == nil && fold(r.alias) == fold(t.Alias) {
			return r
		}
	}
	return nil
}

// byColumns reports whether a join is by columns of r being equal to columns of something
// else, and by nothing besides: that two columns of others are equal would choose rows of
// theirs.
func byColumns(on ast.Expr, r *relation) bool {
	switch e := on.(type) {
	case *ast.Comparison:
		left, _, ok := owner(e.Left)
		right, _, also := owner(e.Right)
		return e.Op == ast.CompareEqual && ok && also && (left == fold(r.alias)) != (right == fold(r.alias))
	case *ast.Conjunction:
		return e.Op == ast.And && !slices.ContainsFunc(e.Args, func(e ast.Expr) bool { return !byColumns(e, r) })
	}
	return false
}

// byEntity reports whether a join is by the entity of r being equal to a column of
// something else, and by nothing besides.
func byEntity(on ast.Expr, r *relation) bool {
	eq, ok := on.(*ast.Comparison)
	if !ok || !byColumns(on, r) {
		return false
	}
	entity := func(e ast.Expr) bool {
		alias, name, _ := owner(e)
		return alias == fold(r.alias) && fold(name) == fold(r.ref.table.Entity)
	}
	return entity(eq.Left) || entity(eq.Right)
}

// unimplied returns what is left of where without the conditions that every group meets
// or fails as a whole, being of its keys alone, or that fix one column, or a fixed part
// of one, to one value: they choose among groups of a question that groups by that too,
// and change none. Any other, were it to list the values that are not somebody's, would
// ask for what is left over.
func (b *block) unimplied(where ast.Expr) []ast.Expr {
	keys := map[string]bool{}
	for _, k := range b.out.GroupBy {
		if c, ok := k.(*ast.Column); ok {
			keys[ast.PrintExpr(c)] = true
		}
	}
	implied := func(e ast.Expr) bool {
		columns, all := 0, true
		ast.Walk(e, func(n ast.Node) bool {
			if c, ok := n.(*ast.Column); ok {
				columns++
				all = all && keys[ast.PrintExpr(c)]
			}
			return true
		})
		return columns > 0 && all || b.fixed(e)
	}
	return slices.DeleteFunc(terms(where), implied)
}

// terms returns the conditions that are all met where e is, none for nil.
func terms(e ast.Expr) []ast.Expr {
	if and, ok := e.(*ast.Conjunction); ok && and.Op == ast.And {
		return slices.Clone(and.Args)
	}
	if e == nil {
		return nil
	}
	return []ast.Expr{e}
}

// listed is a condition that a column is one of some values.
type listed struct{ *ast.Operator }

// maxListed is how many values the rows of a question are taken apart by: of more, few
// figures would have all parts of K entities, and the worker notes the rows of each.
const maxListed = 8

// listed returns the first condition of WHERE that a column, which the grant lets groups
// be made by, is one of some values; nil if there is none. A total over them is no more
// than what the question shows that groups by the column too, if that shows the group of
// each.
func (b *block) listed() *listed {
	for _, e := range b.unimplied(b.out.Where) {
		in, ok := e.(*ast.Operator)
		if !ok || in.Kind != ast.In || len(in.Args) > 1+maxListed || !b.groups(b.column(in.Args[0])) {
			continue
		}
		if !slices.ContainsFunc(in.Args[1:], func(v ast.Expr) bool { return len(owners(v)) > 0 }) {
			return &listed{in}
		}
	}
	return nil
}

// values returns the condition for each value.
func (l *listed) values() (out []ast.Expr) {
	if l == nil {
		return nil
	}
	for _, v := range l.Args[1:] {
		out = append(out, &ast.Comparison{Meta: none(), Op: ast.CompareEqual, Left: ast.CloneExpr(l.Args[0]), Right: ast.CloneExpr(v)})
	}
	return out
}

// groups reports whether the grant lets groups be made by a column of a table.
func (b *block) groups(c *Column) bool {
	return c != nil && (!secret(c, b.a.opt) || slices.Contains(c.Permissions, "groupkey"))
}

// present reports whether e says that a column of a table is not null.
func (b *block) present(e ast.Expr) bool {
	not, ok := e.(*ast.Operator)
	return ok && not.Kind == ast.IsNotNull && b.unchanged(not.Args[0])
}

// presence reports whether a condition of an aggregate says no more than that columns of
// tables are not null.
func (b *block) presence(condition ast.Expr) bool {
	return !slices.ContainsFunc(terms(condition), func(e ast.Expr) bool { return !b.present(e) })
}

// unchanged reports whether e is a column of a table, which blocks within may have handed
// on: not one that is computed, or that a join here or there leaves null by a condition of
// the asker's.
func (b *block) unchanged(e ast.Expr) bool {
	if e == nil {
		return false
	}
	alias, name, _ := owner(e)
	for _, r := range b.relations {
		if fold(r.alias) == alias && b.always(r) {
			return r.block == nil || slices.ContainsFunc(r.block.items, func(it *item) bool {
				return fold(it.name) == fold(name) && r.block.unchanged(it.expr)
			})
		}
	}
	return false
}

// always reports whether nobody who asks chooses which rows have one of r.
func (b *block) always(r *relation) bool {
	return !r.nullable || r.ref != nil && !r.ref.table.protected && looksUp(b.out.From, r)
}

// looksUp reports whether a join in f is one of r by columns.
func looksUp(f ast.From, r *relation) bool {
	j, ok := f.(*ast.Join)
	if !ok {
		return false
	}
	for _, side := range []ast.From{j.Left, j.Right} {
		if r.is(side) {
			return byColumns(j.On, r)
		}
	}
	return looksUp(j.Left, r) || looksUp(j.Right, r)
}

// fixed reports whether e says that a column of a table, which the grant lets groups be
// made by, or a fixed part of one, has one value.
func (b *block) fixed(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Comparison:
		if e.Op != ast.CompareEqual || len(owners(e.Right)) > 0 {
			return false
		}
		return b.groups(b.column(b.part(e.Left)))
	case *ast.Function: // a column LIKE 'prefix%'
		if e.Name != "~~" || len(e.Args) != 2 {
			return false
		}
		pattern, ok := e.Args[1].(*ast.Constant)
		if !ok || pattern.Null || !strings.HasSuffix(pattern.Text, "%") {
			return false
		}
		prefix := strings.TrimSuffix(pattern.Text, "%")
		return prefix != "" && !strings.ContainsAny(prefix, `%_\`) && b.leads(e.Args[0], utf8.RuneCountInString(prefix))
	}
	return false
}

func bare(e ast.Expr) bool {
	_, _, ok := owner(e)
	return ok
}

// column returns the column of a table that e is, nil if it is none, or one that a join
// leaves null by a condition of the asker's.
func (b *block) column(e ast.Expr) *Column {
	if e == nil {
		return nil
	}
	alias, name, ok := owner(e)
	if !ok {
		return nil
	}
	r := b.relation(&ast.Table{Alias: alias})
	if r == nil || !b.always(r) {
		return nil
	}
	return r.ref.table.columns[fold(name)]
}

// part returns the column that e is, or is a part of that the question does not choose;
// nil if it is neither.
func (b *block) part(e ast.Expr) ast.Expr {
	if try, ok := e.(*ast.Operator); ok && try.Kind == ast.Try {
		e = try.Args[0]
	}
	if _, name, ok := owner(e); ok && name != "" {
		return e
	}
	f, ok := e.(*ast.Function)
	if !ok {
		return nil
	}
	var column ast.Expr
	length := 0
	for _, arg := range f.Args {
		switch c, constant := arg.(*ast.Constant); {
		case constant:
			length, _ = strconv.Atoi(c.Text)
		case !bare(arg) || column != nil:
			return nil
		default:
			column = arg
		}
	}
	switch f.Name {
	case "left":
		if b.leads(f.Args[0], length) {
			return column
		}
	case "date_trunc", "date_part", "year", "month", "quarter":
		return column
	}
	return nil
}

// leads reports whether the first n characters of e are a part that the question does
// not choose. Codes and dates are made so that they are: a district begins with its
// city, a month with its year, and whatever two such parts leave over of each other is
// parts that were not shown. They stand in columns that anybody may see as they are, or
// that are masked to such a part. Of others, such as a telephone number, an asker might
// take those who are not somebody away one after the other.
func (b *block) leads(e ast.Expr, n int) bool {
	c := b.column(e)
	switch {
	case c == nil || columnType(c.Type).class != text || n <= 0:
		return false
	case c.Mode == Masked:
		kind, _, _ := strings.Cut(c.Recipe, "(")
		return kind == "date" || kind == "region"
	}
	return c.Mode == Clear && !secret(c, b.a.opt) || c.PublicCodes
}

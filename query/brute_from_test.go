package query_test

import (
	"fmt"
	"slices"
	"strings"

	"zonebox/query/ast"
)

// from evaluates a FROM clause, outer tables after inner ones.
func (b *brute) from(f ast.From, env *bruteEnv) *bruteFrame {
	switch f := f.(type) {
	case *ast.Empty:
		return &bruteFrame{rows: []joinedRow{{}}}
	case *ast.Table:
		return b.table(f, env)
	case *ast.Derived:
		rel, _ := b.query(f.Query, env, false)
		return rel.frame(f.Alias, f.Columns)
	case *ast.Join:
		return b.join(f, env)
	}
	panic(fmt.Sprintf("brute: %T", f))
}

func (b *brute) table(t *ast.Table, env *bruteEnv) *bruteFrame {
	alias := t.Alias
	if alias == "" {
		alias = t.Name
	}
	for e := env; e != nil; e = e.up {
		if e.name == strings.ToLower(t.Name) {
			rel, _ := b.query(e.cte.Query, e.up, false)
			for i, n := range e.cte.Columns {
				rel.columns[i].name = n
			}
			return rel.frame(alias, t.Columns)
		}
	}
	i := slices.IndexFunc(b.tables, func(bt bruteTable) bool { return strings.EqualFold(bt.Name, t.Name) })
	base := &b.tables[i]
	use := &bruteUse{base}
	rel := &bruteRel{}
	entity := slices.Index(base.Columns, base.Entity)
	for _, c := range base.Columns {
		rel.columns = append(rel.columns, bruteColumn{name: c, origin: bruteOrigin{use, c}})
	}
	if base.K > 0 {
		rel.live = []*bruteUse{use}
	}
	for n, cells := range base.Rows {
		r := &bruteRow{cells: cells}
		if base.K > 0 {
			r.entity, r.behind = map[*bruteUse]any{use: cells[entity]}, map[*bruteUse][]uint32{use: {uint32(n)}}
		}
		rel.rows = append(rel.rows, r)
	}
	return rel.frame(alias, t.Columns)
}

func (r *bruteRel) frame(alias string, names []string) *bruteFrame {
	r.alias = alias
	for i, n := range names {
		r.columns[i].name = n
	}
	f := &bruteFrame{rels: []*bruteRel{r}}
	for i, c := range r.columns {
		f.view = append(f.view, bruteSeen{c.name, [][2]int{{0, i}}, c.origin, c.among})
	}
	for _, row := range r.rows {
		f.rows = append(f.rows, joinedRow{row})
	}
	return f
}

func (b *brute) join(j *ast.Join, env *bruteEnv) *bruteFrame {
	left, right := b.from(j.Left, env), b.from(j.Right, env)
	out := &bruteFrame{rels: append(slices.Clone(left.rels), right.rels...), equal: append(slices.Clone(left.equal), right.equal...)}
	shifted := make([]bruteSeen, len(right.view))
	for i, v := range right.view {
		shifted[i] = bruteSeen{v.name, nil, v.origin, v.among}
		for _, p := range v.places {
			shifted[i].places = append(shifted[i].places, [2]int{p[0] + len(left.rels), p[1]})
		}
	}
	using := j.Using
	if j.Form == ast.NaturalJoin {
		for _, v := range left.view {
			if findSeen(shifted, v.name) >= 0 {
				using = append(using, v.name)
			}
		}
	}
	var pairs [][2]bruteSeen
	merged := map[string]bruteSeen{}
	for _, name := range using {
		l, r := left.view[findSeen(left.view, name)], shifted[findSeen(shifted, name)]
		pairs = append(pairs, [2]bruteSeen{l, r})
		m := l
		switch j.Kind {
		case ast.RightJoin:
			m = r
		case ast.FullJoin:
			m = bruteSeen{name: name, places: append(slices.Clone(l.places), r.places...)}
		case ast.InnerJoin:
			out.equal = append(out.equal, [2]bruteOrigin{l.origin, r.origin})
		}
		merged[strings.ToLower(name)] = m
	}
	for _, v := range left.view {
		if m, ok := merged[strings.ToLower(v.name)]; ok {
			v = m
		}
		out.view = append(out.view, v)
	}
	for _, v := range shifted {
		if _, ok := merged[strings.ToLower(v.name)]; !ok {
			out.view = append(out.view, v)
		}
	}
	x := &bruteScope{brute: b, env: env, frame: out}
	match := func(r joinedRow) bool {
		for _, p := range pairs {
			l, r := r.first(p[0].places), r.first(p[1].places)
			if l == nil || r == nil || compareCells(l, r) != 0 {
				return false
			}
		}
		return j.On == nil || x.at(r).eval(j.On) == true
	}
	if b.pairs += len(left.rows) * len(right.rows); b.pairs > brutePairs {
		panic(errBrutePairs)
	}
	found := make([]bool, len(right.rows))
	none := make(joinedRow, len(right.rels))
	for _, l := range left.rows {
		any := false
		for i, r := range right.rows {
			if row := append(slices.Clone(l), r...); match(row) {
				out.rows = append(out.rows, row)
				any, found[i] = true, true
			}
		}
		if !any && (j.Kind == ast.LeftJoin || j.Kind == ast.FullJoin) {
			out.rows = append(out.rows, append(slices.Clone(l), none...))
		}
	}
	for i, r := range right.rows {
		if !found[i] && (j.Kind == ast.RightJoin || j.Kind == ast.FullJoin) {
			out.rows = append(out.rows, append(make(joinedRow, len(left.rels)), r...))
		}
	}
	if j.On != nil && j.Kind == ast.InnerJoin {
		out.note(j.On)
	}
	return out
}

func findSeen(view []bruteSeen, name string) int {
	return slices.IndexFunc(view, func(v bruteSeen) bool { return strings.EqualFold(v.name, name) })
}

// first returns the first value at places that is not null.
func (j joinedRow) first(places [][2]int) any {
	for _, p := range places {
		if j[p[0]] != nil && j[p[0]].cells[p[1]] != nil {
			return j[p[0]].cells[p[1]]
		}
	}
	return nil
}

// note remembers the equalities of two bare columns that cond, true of every
// row, is made of.
func (f *bruteFrame) note(cond ast.Expr) {
	if c, ok := cond.(*ast.Conjunction); ok && c.Op == ast.And {
		for _, arg := range c.Args {
			f.note(arg)
		}
	}
	if c, ok := cond.(*ast.Comparison); ok && c.Op == ast.CompareEqual {
		x := &bruteScope{frame: f}
		l, r := x.seen(c.Left, -1).origin, x.seen(c.Right, -1).origin
		if l.use != nil && r.use != nil && l.use != r.use {
			f.equal = append(f.equal, [2]bruteOrigin{l, r})
		}
	}
}

// choose expands the select list.
func (f *bruteFrame) choose(list []ast.Expr) []bruteItem {
	var out []bruteItem
	for _, e := range list {
		star, ok := e.(*ast.Star)
		if !ok {
			it := bruteItem{name: e.As(), expr: e, place: -1}
			if c, ok := e.(*ast.Column); ok && it.name == "" {
				it.name = c.Names[len(c.Names)-1]
			}
			out = append(out, it)
			continue
		}
		for i, v := range f.view {
			own := star.Relation == "" || strings.EqualFold(f.rels[v.places[0][0]].alias, star.Relation)
			if own && !slices.ContainsFunc(star.Exclude, func(n ast.Name) bool { return strings.EqualFold(n[len(n)-1], v.name) }) {
				out = append(out, bruteItem{name: v.name, place: i})
			}
		}
	}
	return out
}

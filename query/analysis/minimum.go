package analysis

import (
	"slices"
	"strconv"

	"zonebox/query/ast"
)

// Counter is the name of the aggregate that counts distinct entity codes up to k.
// The worker has it for the k of a statement's Groups (sandbox.Counter).
func Counter(k int) string { return counterPrefix + strconv.Itoa(k) }

const counterPrefix = "__kset_"

// Groups returns the k of the counters that Tree calls, ascending.
func (s *Statement) Groups() []int {
	var out []int
	for _, r := range s.References {
		if r.Held {
			out = append(out, r.K)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// entities counts the distinct entities of l over the rows where cond holds, all
// rows if it is nil, up to the least number that is enough. Rows without an entity
// carry NULL and do not count; rows that a join has made many of count once.
func (b *block) entities(l live, cond ast.Expr) ast.Expr {
	f := &ast.Function{Meta: none(), Name: Counter(l.ref.table.K), Args: []ast.Expr{ast.CloneExpr(l.code)}}
	if cond != nil {
		f.Filter = ast.CloneExpr(cond)
	}
	if b.whole {
		return b.apart(f)
	}
	return f
}

func atLeast(count ast.Expr, k int) ast.Expr {
	return &ast.Comparison{Meta: none(), Op: ast.CompareGreaterEqual, Left: count, Right: number(k)}
}

// enforce adds the minimum group to HAVING and hands on the code of deferred
// references: of their own rows, since the key may be there without one.
func (b *block) enforce() {
	var conds []ast.Expr
	for i, l := range b.enforced {
		conds = append(conds, atLeast(b.entities(l, nil), l.ref.table.K))
		l.ref.held = true
		if b.root {
			b.hidden = append(b.hidden, Hidden{Name: "__g" + itoa(i+1), Kind: "group", Table: l.ref.table.Name, K: l.ref.table.K, Output: -1})
			b.counts, b.guards = append(b.counts, b.entities(l, nil)), append(b.guards, cell{ref: l.ref})
		}
	}
	if b.out.Having != nil {
		conds = append(conds, b.out.Having)
	}
	b.out.Having = ast.Conjoin(ast.And, conds...)
	for _, l := range b.deferred {
		code := &ast.Function{Meta: none(), Name: "max", Args: []ast.Expr{ast.CloneExpr(l.code)}}
		b.carried = append(b.carried, as(entityName(l.ref), code))
	}
	b.countApart()
	if len(b.live) > 0 {
		b.note()
	}
	if len(b.deferred) == 0 {
		b.control.secrets = nil
	}
}

package analysis

import (
	"iter"
	"slices"

	"zonebox/query/ast"
)

// teller is a compute-only column that a join tells by others: those that equal
// it, and those of plain tables that were found by it.
type teller struct {
	secret value
	equal  map[origin]bool
	looked map[*reference]bool
}

// shows lists the compute-only columns that v tells by way of joins.
func (b *block) shows(v value) []value {
	if b.toldAt != len(b.links) {
		b.tellers, b.toldAt = b.told(), len(b.links)
	}
	var out []value
	for _, t := range b.tellers {
		tells := v.origin != nil && t.equal[*v.origin]
		for _, r := range v.refs {
			tells = tells || t.looked[r]
		}
		if tells {
			out = append(out, t.secret)
		}
	}
	return out
}

// told finds the tellers among the joins of b, each pair of columns once.
func (b *block) told() []teller {
	joined := map[origin][]value{} // what a column is joined with
	tables := map[*reference][]value{}
	for from, to := range b.sides() {
		if from.origin != nil {
			joined[*from.origin] = append(joined[*from.origin], to)
		}
		tables[from.refs[0]] = append(tables[from.refs[0]], to)
	}
	alike := func(o origin) (next []origin) { // columns, not compute-only, that equal o
		for _, to := range joined[o] {
			if len(to.secret) == 0 && to.origin != nil {
				next = append(next, *to.origin)
			}
		}
		return next
	}
	plain := func(found []value) (next []*reference) {
		for _, to := range found {
			if !to.live {
				next = append(next, to.refs[0])
			}
		}
		return next
	}
	var out []teller
	been := map[[2]origin]bool{}
	for secret, other := range b.sides() {
		if len(secret.secret) == 0 || secret.origin == nil || len(other.secret) > 0 {
			continue
		}
		t, looked := teller{secret: secret}, plain([]value{other})
		if other.origin != nil {
			pair := [2]origin{*secret.origin, *other.origin}
			if been[pair] {
				continue
			}
			been[pair] = true
			t.equal = reach([]origin{*other.origin}, alike)
		}
		for o := range t.equal {
			looked = append(looked, plain(joined[o])...)
		}
		t.looked = reach(looked, func(r *reference) []*reference { return plain(tables[r]) })
		out = append(out, t)
	}
	return out
}

// sides gives both directions of every link.
func (b *block) sides() iter.Seq2[value, value] {
	return func(yield func(from, to value) bool) {
		for _, l := range b.links {
			if !yield(l.left.val, l.right.val) || !yield(l.right.val, l.left.val) {
				return
			}
		}
	}
}

// reach returns starts and all that steps lead to from there.
func reach[K comparable](starts []K, step func(K) []K) map[K]bool {
	been := map[K]bool{}
	for ahead := starts; len(ahead) > 0; {
		k := ahead[len(ahead)-1]
		ahead = ahead[:len(ahead)-1]
		if !been[k] {
			been[k] = true
			ahead = append(ahead, step(k)...)
		}
	}
	return been
}

// asked is a condition other than that two columns are equal.
type asked struct {
	cond ast.Expr
	node ast.Node
}

// indirect refuses conditions on a column that tells a compute-only one: where the
// two are equal, what is asked of the one is asked of the other.
func (b *block) indirect() {
	if len(b.live) == 0 || b.a.trial {
		return
	}
	told := map[string]bool{} // columns that need no second look
	for _, c := range b.asked {
		ast.Walk(c.cond, func(n ast.Node) bool {
			if e, ok := n.(*ast.Column); ok && !told[ast.PrintExpr(e)] {
				v, bare := b.bare(e)
				told[ast.PrintExpr(e)] = true
				if !bare || len(v.val.secret) > 0 {
					return true
				}
				for _, t := range append(b.shows(v.val), v.val.tells...) {
					if !granted(t, "cmp_lit:=", "cmp_lit:<", "cmp_lit:in") {
						b.a.fault(ComputeOnlyPredicate, c.node, t.name(), "cmp_lit:= "+t.name(), t.path...)
					}
				}
			}
			_, inner := n.(ast.Query)
			return !inner
		})
	}
}

// picked reports whether o is a column, not compute-only itself, of a subquery
// whose rows were chosen by that column: they may be those of one known value.
func (b *block) picked(o operand) bool {
	alias, _, bare := owner(o.expr)
	if !bare || o.val.origin == nil || len(o.val.secret) > 0 {
		return false
	}
	by := source{o.val.origin.ref.table, o.val.origin.column}
	return slices.ContainsFunc(b.relations, func(r *relation) bool {
		return fold(r.alias) == alias && r.block != nil && slices.Contains(r.control.from, by)
	})
}

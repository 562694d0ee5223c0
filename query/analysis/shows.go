package analysis

import (
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
	var out []teller
	been := map[[2]origin]bool{}
	for _, start := range b.links {
		for _, s := range [][2]value{{start.left.val, start.right.val}, {start.right.val, start.left.val}} {
			secret, other := s[0], s[1]
			if len(secret.secret) == 0 || secret.origin == nil || len(other.secret) > 0 {
				continue
			}
			if other.origin != nil {
				pair := [2]origin{*secret.origin, *other.origin}
				if been[pair] {
					continue
				}
				been[pair] = true
			}
			equal, looked := b.equals(other), map[*reference]bool{}
			if !other.live {
				looked[other.refs[0]] = true
			}
			for grown := true; grown; {
				grown = false
				for _, l := range b.links {
					for _, p := range [][2]value{{l.left.val, l.right.val}, {l.right.val, l.left.val}} {
						from := looked[p[0].refs[0]] || p[0].origin != nil && equal[*p[0].origin]
						if !p[1].live && from && !looked[p[1].refs[0]] {
							looked[p[1].refs[0]], grown = true, true
						}
					}
				}
			}
			out = append(out, teller{secret, equal, looked})
		}
	}
	return out
}

// equals returns the columns that the joins make equal to v, none of which is
// compute-only.
func (b *block) equals(v value) map[origin]bool {
	equal := map[origin]bool{}
	if v.origin != nil {
		equal[*v.origin] = true
	}
	for grown := true; grown; {
		grown = false
		for _, l := range b.links {
			for _, p := range [][2]value{{l.left.val, l.right.val}, {l.right.val, l.left.val}} {
				if p[0].origin != nil && equal[*p[0].origin] && len(p[1].secret) == 0 && p[1].origin != nil && !equal[*p[1].origin] {
					equal[*p[1].origin], grown = true, true
				}
			}
		}
	}
	return equal
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

package ast

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Conjoin returns args under op, flattened as the parser flattens: nil args are
// left out, one arg is returned as it is, none gives nil.
func Conjoin(op ConjunctionOp, args ...Expr) Expr {
	c := &Conjunction{Meta: Meta{Location: NoLocation}, Op: op}
	for _, e := range args {
		switch inner, same := e.(*Conjunction); {
		case e == nil:
		case same && inner.Op == op:
			c.Args = append(c.Args, inner.Args...)
		default:
			c.Args = append(c.Args, e)
		}
	}
	switch len(c.Args) {
	case 0:
		return nil
	case 1:
		return c.Args[0]
	}
	return c
}

// nests reports whether e, an argument of c, is a conjunction of the same kind.
func (c *Conjunction) nests(e Expr) bool {
	inner, ok := e.(*Conjunction)
	return ok && inner.Op == c.Op
}

func (s *Star) sort() {
	slices.SortFunc(s.Exclude, func(a, b Name) int { return slices.Compare(a, b) })
	slices.SortFunc(s.Replace, func(a, b Replacement) int { return strings.Compare(a.Column, b.Column) })
	slices.SortFunc(s.Rename, func(a, b Renaming) int {
		return cmp.Or(slices.Compare(a.Column, b.Column), strings.Compare(a.Name, b.Name))
	})
}

// plainCollation reports whether a collation is dotted words, which Print can
// write without quotes.
func plainCollation(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.ContainsFunc(part, func(c rune) bool {
			return c >= utf8.RuneSelf || notWord(c)
		}) || part[0] >= '0' && part[0] <= '9' {
			return false
		}
	}
	return true
}

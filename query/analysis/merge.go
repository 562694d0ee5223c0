package analysis

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"zonebox/query/ast"
)

// Why categories of an output cannot be made one.
var (
	// ErrNoGroups says that the answer is not of groups of protected rows.
	ErrNoGroups = errors.New("analysis: the answer is not made of groups")
	// ErrMergeKey says that the output is no group key that is a column of texts and
	// leaves as it stands, unmasked.
	ErrMergeKey = errors.New("analysis: not a key of texts that leaves as it stands")
	// ErrMergeUsed says that the statement makes use of the key besides.
	ErrMergeUsed = errors.New("analysis: the key is used besides its output")
)

// Merged returns the statement with categories of an output made one: into has, by
// category, the one that it goes to. Texts are compared as the output shows them.
//
// Every group of the result is made of groups of s, and the engine aggregates its rows
// anew; evidence, counts of entities and lineage are of them as they were of those of s,
// and they are parts of the same population. s is not changed.
func (s *Statement) Merged(output int, into map[string]string) (*Statement, error) {
	root, ok := s.Tree.(*ast.Select)
	if !ok || !slices.ContainsFunc(s.Evidence, func(e Evidence) bool { return e.Root && e.Releases && !e.hands() }) {
		return nil, ErrNoGroups
	}
	o := s.Outputs[output]
	if _, _, column := owner(root.List[output]); !column || o.Type != "VARCHAR" || o.Form != "clear" && o.Form != "group_label" {
		return nil, ErrMergeKey
	}
	key := ast.CloneExpr(root.List[output])
	key.SetAs("")
	at := indexOf(root.GroupBy, key)
	if at < 0 {
		return nil, ErrMergeKey
	}
	besides := slices.Delete(slices.Clone(root.List), output, output+1)
	for _, order := range root.OrderBy {
		besides = append(besides, order.Expr)
	}
	for _, e := range append(besides, root.Having) {
		if e != nil && outside(e, key) {
			return nil, ErrMergeUsed
		}
	}
	merged := *root
	merged.List, merged.GroupBy = slices.Clone(root.List), slices.Clone(root.GroupBy)
	merged.GroupBy[at] = category(key, into)
	merged.List[output] = as(o.Name, category(key, into))
	out := *s
	out.Tree, out.SQL = &merged, ast.Print(&merged)
	return &out, nil
}

// hands reports whether groups are taken for one entity each.
func (e Evidence) hands() bool {
	return slices.ContainsFunc(e.Columns, func(c EvidenceColumn) bool { return c.Condition < 0 })
}

// outside reports whether e makes use of key but for what notes and counts the rows of
// a group. An aggregate of the key, or under a condition on it, would show the parts of
// a merge.
func outside(e, key ast.Expr) bool {
	found := false
	ast.Walk(e, func(n ast.Node) bool {
		if f, ok := n.(*ast.Function); ok && (strings.HasPrefix(f.Name, rowSetPrefix) || strings.HasPrefix(f.Name, counterPrefix)) {
			return false
		}
		if x, ok := n.(ast.Expr); ok && ast.EqualExpr(x, key) {
			found = true
		}
		return !found
	})
	return found
}

// category is the key with categories replaced.
func category(key ast.Expr, into map[string]string) ast.Expr {
	from := map[string][]string{}
	for category, to := range into {
		from[to] = append(from[to], category)
	}
	out := &ast.Case{Meta: none(), Else: ast.CloneExpr(key)}
	for _, to := range slices.Sorted(maps.Keys(from)) {
		slices.Sort(from[to])
		in := &ast.Operator{Meta: none(), Kind: ast.In, Args: []ast.Expr{ast.CloneExpr(key)}}
		for _, category := range from[to] {
			in.Args = append(in.Args, spelled(category))
		}
		out.Whens = append(out.Whens, ast.When{Cond: in, Then: spelled(to)})
	}
	return out
}

func spelled(text string) ast.Expr {
	return &ast.Constant{Meta: none(), Type: ast.Type{ID: "VARCHAR"}, Text: text}
}

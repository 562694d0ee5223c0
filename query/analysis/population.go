package analysis

import (
	"slices"
	"strings"

	"zonebox/query/ast"
)

// population is Evidence.Population.
//
// Two questions of one population are as parts of one question: what they leave over of
// each other is what that would not have shown either, and no condition of the asker's
// chose it.
func (b *block) population(keys []EvidenceKey) string {
	names := map[string]string{}
	p := &ast.Select{List: []ast.Expr{number(1)}, From: b.core(b.out.From, names), Where: b.unimplied(b.out.Where)}
	if slices.ContainsFunc(keys, func(k EvidenceKey) bool { return !k.Bare }) {
		p.GroupBy = b.out.GroupBy
	}
	return ast.Print(ast.Replace(p, func(e ast.Expr) ast.Expr {
		switch e := e.(type) {
		case *ast.Function:
			if strings.HasPrefix(e.Name, rowSetPrefix) { // its number depends on what stands around it
				return &ast.Function{Meta: e.Meta, Name: rowSetPrefix, Args: e.Args}
			}
		case *ast.Column:
			if name := names[fold(e.Names[0])]; name != "" && len(e.Names) == 2 {
				return &ast.Column{Meta: e.Meta, Names: []string{name, fold(e.Names[1])}}
			}
		}
		return nil
	}))
}

// core returns FROM with tables called by their place, and without open tables that are
// looked up by columns: which rows find a partner there nobody chooses who asks. names
// gets what the tables are called.
func (b *block) core(f ast.From, names map[string]string) ast.From {
	switch f := f.(type) {
	case *ast.Table:
		name := "t" + itoa(len(names)+1)
		names[fold(f.Alias)] = name
		return &ast.Table{Location: ast.NoLocation, Name: fold(f.Name), Alias: name}
	case *ast.Join:
		switch {
		case (f.Kind == ast.InnerJoin || f.Kind == ast.LeftJoin) && b.lookup(f.Right) && byColumns(f.On):
			return b.core(f.Left, names)
		case (f.Kind == ast.InnerJoin || f.Kind == ast.RightJoin) && b.lookup(f.Left) && byColumns(f.On):
			return b.core(f.Right, names)
		}
		j := *f
		j.Left, j.Right = b.core(f.Left, names), b.core(f.Right, names)
		return &j
	}
	return f
}

// lookup reports whether f is an open table.
func (b *block) lookup(f ast.From) bool {
	t, ok := f.(*ast.Table)
	r := b.relation(t)
	return ok && r != nil && !r.ref.table.protected
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

// byColumns reports whether a join is by columns that are equal.
func byColumns(on ast.Expr) bool {
	switch e := on.(type) {
	case *ast.Comparison:
		_, _, left := owner(e.Left)
		_, _, right := owner(e.Right)
		return e.Op == ast.CompareEqual && left && right
	case *ast.Conjunction:
		return e.Op == ast.And && !slices.ContainsFunc(e.Args, func(e ast.Expr) bool { return !byColumns(e) })
	}
	return false
}

// unimplied returns where without the conditions that every group meets or fails as a
// whole, being of its keys alone, or that fix one column to one value: they choose among
// groups of a question that groups by that column too, and change none. Any other, were
// it to list the values that are not somebody's, would ask for what is left over.
func (b *block) unimplied(where ast.Expr) ast.Expr {
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
	if where == nil || implied(where) {
		return nil
	}
	and, ok := where.(*ast.Conjunction)
	if !ok || and.Op != ast.And {
		return where
	}
	left := slices.DeleteFunc(slices.Clone(and.Args), implied)
	switch len(left) {
	case 0:
		return nil
	case 1:
		return left[0]
	}
	return &ast.Conjunction{Meta: and.Meta, Op: and.Op, Args: left}
}

// fixed reports whether e says that a column of a table, which the grant lets groups be
// made by, has one value.
func (b *block) fixed(e ast.Expr) bool {
	eq, ok := e.(*ast.Comparison)
	if !ok || eq.Op != ast.CompareEqual || len(owners(eq.Right)) > 0 {
		return false
	}
	alias, name, bare := owner(eq.Left)
	if !bare {
		return false
	}
	r := b.relation(&ast.Table{Alias: alias})
	if r == nil {
		return false
	}
	c := r.ref.table.columns[fold(name)]
	return c != nil && (!secret(c, b.a.opt) || slices.Contains(c.Permissions, "groupkey"))
}

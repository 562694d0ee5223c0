package analysis

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/query/ast"
)

// A Need is a condition on one column of a table: Op is = < <= > >= with one
// value, or in. A row that does not meet it, a null included, can neither reach
// the answer nor change it. Values are written as the catalogue writes constants
// of the column's type; those of Parameters are values too.
type Need struct {
	Column     string
	Op         string
	Values     []string
	Parameters []string // names
}

// needs finds, for each table the rewrite reads, what every reference of it
// needs of a row: one list a reference. A table of which some reference needs
// every row is left out.
//
// A row t of a table may be left out of a join, whatever its kind, if nobody
// sees the rows that t is part of. For rows of the join that some other row of
// the table, or none, is part of stay as they are, but for those in which t gave
// way to nulls; and a comparison with a constant rejects nulls as well. So a
// comparison counts for every table under it where it stands in WHERE, and in ON
// for the sides of the join whose rows it can keep out: both of an inner join,
// the one that may be missing of an outer one. It goes on into a nested query as
// a condition on its output, if that is a column as it is and, where the query
// groups, a key; but not past LIMIT, which counts rows.
//
// Only columns whose delivered values the operator may see count: how long a
// statement takes tells whether a segment was left out.
func (a *analyzer) needs(root *ast.Select) map[*table][][]Need {
	n := &needing{a: a, lists: map[*table][][]Need{}}
	n.block(root, nil)
	ast.Walk(root, func(x ast.Node) bool {
		if s, ok := x.(*ast.Subquery); ok {
			n.whole(s.Query)
		}
		return true
	})
	for t, lists := range n.lists {
		if slices.ContainsFunc(lists, func(l []Need) bool { return len(l) == 0 }) {
			delete(n.lists, t)
		}
	}
	return n.lists
}

// whole notes that the tables of a query in an expression need every row.
func (n *needing) whole(q ast.Query) {
	ast.Walk(q, func(x ast.Node) bool {
		if t, ok := x.(*ast.Table); ok {
			n.lists[n.a.tables[fold(t.Name)]] = [][]Need{{}}
		}
		return true
	})
}

type needing struct {
	a     *analyzer
	lists map[*table][][]Need
}

// compared is a column compared with constants that are not yet read. beside are
// others in the same comparison, which may change the type it compares in.
type compared struct {
	alias, column string // folded
	op            string
	constants     []ast.Expr
	beside        []ast.Expr
}

// block walks a query. outer is what the query around it needs of its output.
func (n *needing) block(s *ast.Select, outer []compared) {
	var all []compared
	if s.Where != nil {
		all = conjuncts(s.Where)
	}
	key := func(e ast.Expr) bool {
		return slices.ContainsFunc(s.GroupBy, func(k ast.Expr) bool { return ast.EqualExpr(k, e) })
	}
	if s.Having != nil {
		for _, c := range conjuncts(s.Having) {
			if slices.ContainsFunc(s.GroupBy, func(k ast.Expr) bool { return c.is(k) }) {
				all = append(all, c)
			}
		}
	}
	if s.Limit == nil && s.Offset == nil {
		grouped := groups(s)
		for _, c := range outer {
			for _, e := range s.List {
				alias, name, bare := owner(e)
				if bare && fold(nameIn(e)) == c.column && (!grouped || key(e)) {
					all = append(all, compared{alias, fold(name), c.op, c.constants, c.beside})
				}
			}
		}
	}
	n.from(s.From, all)
}

// query walks a query. The columns of a set operation are found by place, not by
// name: nothing is known of those of its inputs.
func (n *needing) query(q ast.Query, outer []compared) {
	switch q := q.(type) {
	case *ast.Select:
		n.block(q, outer)
	case *ast.SetOperation:
		for _, in := range q.Inputs {
			n.query(in, nil)
		}
	}
}

// from walks a FROM clause of whose rows those that meet all of known count.
func (n *needing) from(f ast.From, known []compared) {
	switch f := f.(type) {
	case *ast.Table:
		t := n.a.tables[fold(f.Name)]
		list := []Need{}
		for _, c := range known {
			if c.alias == fold(f.Alias) {
				if need, ok := n.need(t, c); ok {
					list = append(list, need)
				}
			}
		}
		n.lists[t] = append(n.lists[t], list)
	case *ast.Derived:
		var inner []compared
		for _, c := range known {
			if c.alias == fold(f.Alias) {
				inner = append(inner, c)
			}
		}
		n.query(f.Query, inner)
	case *ast.Join:
		var on []compared
		if f.On != nil {
			on = conjuncts(f.On)
		}
		left, right := known, known
		if f.Kind == ast.InnerJoin || f.Kind == ast.RightJoin {
			left = append(left[:len(left):len(left)], on...)
		}
		if f.Kind == ast.InnerJoin || f.Kind == ast.LeftJoin {
			right = append(right[:len(right):len(right)], on...)
		}
		n.from(f.Left, left)
		n.from(f.Right, right)
	}
}

// need reads the constants of c as values of a column of t.
func (n *needing) need(t *table, c compared) (Need, bool) {
	col := t.columns[c.column]
	if col == nil || !col.Granted || col.Token || secret(col, n.a.opt) {
		return Need{}, false
	}
	out := Need{Column: col.Name, Op: c.op}
	own := columnType(col.Type)
	for _, e := range c.constants {
		v, ok := written(e, own)
		switch p, of, bound := parameterOf(e); {
		case ok:
			out.Values = append(out.Values, v)
		case bound && of == own && own.class != float:
			out.Parameters = append(out.Parameters, p.Name)
		default:
			return Need{}, false
		}
	}
	for _, e := range c.beside {
		_, of, bound := parameterOf(e)
		if _, ok := written(e, own); !ok && (!bound || of != own) {
			return Need{}, false
		}
	}
	return out, true
}

// nameIn is the name of an item of the rewrite's select list.
func nameIn(e ast.Expr) string {
	if name := e.As(); name != "" {
		return name
	}
	_, name, _ := owner(e)
	return name
}

// is reports whether e is the column compared.
func (c compared) is(e ast.Expr) bool {
	alias, name, ok := owner(e)
	return ok && alias == c.alias && fold(name) == c.column
}

// ops are the comparisons that count, and what they are with sides exchanged.
var ops = map[ast.CompareOp][2]string{
	ast.CompareEqual: {"=", "="}, ast.CompareLess: {"<", ">"}, ast.CompareLessEqual: {"<=", ">="},
	ast.CompareGreater: {">", "<"}, ast.CompareGreaterEqual: {">=", "<="},
}

// conjuncts returns the comparisons of bare columns with constants that hold
// wherever e does.
func conjuncts(e ast.Expr) []compared {
	column := func(e ast.Expr, op string, constants ...ast.Expr) []compared {
		alias, name, ok := owner(e)
		if !ok {
			return nil
		}
		return []compared{{alias, fold(name), op, constants, nil}}
	}
	switch e := e.(type) {
	case *ast.Conjunction:
		var out []compared
		if e.Op == ast.And {
			for _, arg := range e.Args {
				out = append(out, conjuncts(arg)...)
			}
		}
		return out
	case *ast.Comparison:
		op, ok := ops[e.Op]
		if !ok {
			return nil
		}
		return append(column(e.Left, op[0], e.Right), column(e.Right, op[1], e.Left)...)
	case *ast.Between:
		// The engine finds one type for all three: beside a DOUBLE, two BIGINTs
		// are equal that are not the same.
		both := append(column(e.Expr, ">=", e.Lower), column(e.Expr, "<=", e.Upper)...)
		for i := range both {
			both[i].beside = []ast.Expr{e.Lower, e.Upper}
		}
		return both
	case *ast.Operator:
		if e.Kind == ast.In {
			return column(e.Args[0], "in", e.Args[1:]...)
		}
	}
	return nil
}

// written returns a constant as the catalogue writes values of type t. It
// reports false unless e is a constant of just this type, or one that the engine
// compares with it exactly: what it would convert is not guessed.
func written(e ast.Expr, t typ) (string, bool) {
	if c, ok := e.(*ast.Cast); ok {
		inner, ok := c.Expr.(*ast.Constant)
		if !ok || inner.Null || fromAST(inner.Type).class != text || fromAST(c.Type) != t {
			return "", false
		}
		return moment(inner.Text, t)
	}
	c, ok := e.(*ast.Constant)
	if !ok || c.Null {
		return "", false
	}
	from := fromAST(c.Type)
	switch {
	case t.class == text && from.class == text:
		return c.Text, true
	case t.name == "BIGINT" && from.class == integer:
		n, err := strconv.ParseInt(c.Text, 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	case t.class == decimal && (from.class == integer || from.class == decimal) && !overflows(t, from):
		return digits(c.Text, t)
	}
	return "", false
}

// moment reads a date or timestamp in the one form that has one meaning.
func moment(s string, t typ) (string, bool) {
	switch t.class {
	case date:
		d, err := time.Parse(time.DateOnly, s)
		return s, err == nil && d.Year() >= 1
	case timestamp:
		whole, fraction, point := strings.Cut(s, ".")
		d, err := time.Parse(time.DateTime, whole)
		if point && (len(fraction) == 0 || len(fraction) > 6 || strings.Trim(fraction, "0123456789") != "") {
			return "", false
		}
		return s, err == nil && d.Year() >= 1
	}
	return "", false
}

// digits returns a number as a decimal of the scale of t, if it is one.
func digits(s string, t typ) (string, bool) {
	whole, fraction, point := strings.Cut(s, ".")
	if point {
		fraction = strings.TrimRight(fraction, "0")
	}
	number := strings.TrimLeft(strings.TrimPrefix(whole, "-"), "0")
	if len(fraction) > t.scale || len(number) > t.width-t.scale || strings.Trim(number+fraction, "0123456789") != "" {
		return "", false
	}
	if number == "" {
		number = "0"
	}
	if strings.HasPrefix(s, "-") {
		number = "-" + number
	}
	if fraction != "" {
		number += "." + fraction
	}
	return number, true
}

package query_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"zonebox/query/ast"
)

// bruteItem is a column of a select list: an expression, or the place of a
// column that * stands for.
type bruteItem struct {
	name  string
	expr  ast.Expr // nil if place is meant
	place int      // in the view
}

// bruteScope is where expressions are evaluated: at a row, or at a group.
type bruteScope struct {
	brute *brute
	env   *bruteEnv
	frame *bruteFrame
	items []bruteItem

	row      joinedRow
	grouped  bool
	group    []joinedRow
	enforced []*bruteUse
	shown    bool // HAVING lets the group pass
	short    bool // an aggregate evaluated here rests on too few entities
}

func (x *bruteScope) at(r joinedRow) *bruteScope {
	y := *x
	y.row = r
	return &y
}

func (x *bruteScope) rows() []joinedRow {
	if x.grouped {
		return x.group
	}
	return []joinedRow{x.row}
}

func (x *bruteScope) item(it bruteItem) any {
	if it.expr != nil {
		return x.eval(it.expr)
	}
	return x.read(x.frame.view[it.place].places)
}

// guard looks at every aggregate of an item, those too whose value is not asked
// for: the gate blanks a cell if any of them rests on too few entities.
func (x *bruteScope) guard(e ast.Expr) {
	if e == nil {
		return
	}
	ast.Walk(e, func(n ast.Node) bool {
		f, ok := n.(*ast.Function)
		if ok = ok && bruteAggregates(&ast.Function{Name: f.Name}); ok {
			x.aggregate(f)
		}
		_, inner := n.(ast.Query)
		return !ok && !inner
	})
}

func (x *bruteScope) read(places [][2]int) any {
	if x.grouped {
		if len(x.group) == 0 {
			return nil
		}
		return x.group[0].first(places)
	}
	return x.row.first(places)
}

// column finds what a name means: places, or an alias of the select list.
func (x *bruteScope) column(c *ast.Column) (bruteSeen, ast.Expr) {
	name := c.Names[len(c.Names)-1]
	if len(c.Names) == 1 {
		if i := findSeen(x.frame.view, name); i >= 0 {
			return x.frame.view[i], nil
		}
		for i, it := range x.items {
			if strings.EqualFold(it.name, name) {
				if it.expr == nil {
					return x.frame.view[x.items[i].place], nil
				}
				return bruteSeen{}, it.expr
			}
		}
		panic("brute: no column " + name)
	}
	for i, r := range x.frame.rels {
		if !strings.EqualFold(r.alias, c.Names[0]) {
			continue
		}
		for j, col := range r.columns {
			if strings.EqualFold(col.name, name) {
				return bruteSeen{name, [][2]int{{i, j}}, col.origin, col.among}, nil
			}
		}
	}
	panic("brute: no column " + strings.Join(c.Names, "."))
}

// seen is the column that an item is, zero if it is computed.
func (x *bruteScope) seen(e ast.Expr, place int) bruteSeen {
	if e == nil {
		return x.frame.view[place]
	}
	c, ok := e.(*ast.Column)
	if !ok {
		return bruteSeen{}
	}
	s, alias := x.column(c)
	if alias != nil {
		return x.seen(alias, -1)
	}
	return s
}

func (x *bruteScope) eval(e ast.Expr) any {
	switch e := e.(type) {
	case *ast.Column:
		s, alias := x.column(e)
		if alias != nil {
			return x.eval(alias)
		}
		return x.read(s.places)
	case *ast.Constant:
		return constantOf(e)
	case *ast.Cast:
		return convertTo(x.eval(e.Expr), e.Type.ID)
	case *ast.Comparison:
		return compareBy(e.Op, x.eval(e.Left), x.eval(e.Right))
	case *ast.Conjunction:
		var out any = e.Op == ast.And
		for _, arg := range e.Args {
			switch v := x.eval(arg); {
			case v == nil && out == (e.Op == ast.And):
				out = nil
			case v == (e.Op == ast.Or):
				out = v
			}
		}
		return out
	case *ast.Between:
		v := x.eval(e.Expr)
		low, high := compareBy(ast.CompareGreaterEqual, v, x.eval(e.Lower)), compareBy(ast.CompareLessEqual, v, x.eval(e.Upper))
		switch {
		case low == false || high == false:
			return false
		case low == nil || high == nil:
			return nil
		}
		return true
	case *ast.Case:
		for _, w := range e.Whens {
			if x.eval(w.Cond) == true {
				return x.eval(w.Then)
			}
		}
		return x.eval(e.Else)
	case *ast.Operator:
		return x.operator(e)
	case *ast.Subquery:
		return x.subquery(e)
	case *ast.Function:
		if bruteAggregates(&ast.Function{Name: e.Name}) {
			return x.aggregate(e)
		}
		var args []any
		for _, arg := range e.Args {
			args = append(args, x.eval(arg))
		}
		return callScalar(e.Name, args)
	}
	panic(fmt.Sprintf("brute: %T", e))
}

func (x *bruteScope) operator(e *ast.Operator) any {
	first := x.eval(e.Args[0])
	switch e.Kind {
	case ast.Not:
		if first == nil {
			return nil
		}
		return first == false
	case ast.IsNull:
		return first == nil
	case ast.IsNotNull:
		return first != nil
	case ast.In, ast.NotIn:
		var out any = false
		for _, arg := range e.Args[1:] {
			switch compareBy(ast.CompareEqual, first, x.eval(arg)) {
			case true:
				return e.Kind == ast.In
			case nil:
				out = nil
			}
		}
		if out == nil {
			return nil
		}
		return e.Kind == ast.NotIn
	case ast.Coalesce:
		for _, arg := range e.Args {
			if v := x.eval(arg); v != nil {
				return v
			}
		}
		return nil
	}
	panic("brute: operator " + string(e.Kind))
}

// aggregate computes a cell over the rows of the group that it uses, and none
// if they rest on too few entities.
// taken are the rows of the group that an aggregate takes, and its argument there.
func (x *bruteScope) taken(e *ast.Function) (rows []joinedRow, values []any) {
	for _, r := range x.group {
		y := &bruteScope{brute: x.brute, env: x.env, frame: x.frame, items: x.items, row: r}
		if e.Filter != nil && y.eval(e.Filter) != true {
			continue
		}
		var v any
		if len(e.Args) > 0 {
			if v = y.eval(e.Args[0]); v == nil {
				continue
			}
		}
		rows, values = append(rows, r), append(values, v)
	}
	return rows, values
}

func (x *bruteScope) aggregate(e *ast.Function) any {
	rows, values := x.taken(e)
	if !enoughEntities(rows, x.enforced) {
		x.short = true
		return nil
	}
	if e.Distinct {
		once, kept := map[any]bool{}, []any(nil)
		for _, v := range values {
			if !once[v] {
				once[v], kept = true, append(kept, v)
			}
		}
		values = kept
	}
	if e.Name == "count" || e.Name == "count_star" {
		return int64(len(values))
	}
	if len(values) == 0 {
		return nil
	}
	out := values[0]
	for _, v := range values[1:] {
		switch {
		case e.Name == "sum" || e.Name == "avg":
			out = callScalar("+", []any{out, v})
		case (compareCells(v, out) < 0) == (e.Name == "min"):
			out = v
		}
	}
	if e.Name == "avg" {
		return asFloat(out) / float64(len(values))
	}
	return out
}

func constantOf(e ast.Expr) any {
	c := e.(*ast.Constant)
	switch {
	case c.Null:
		return nil
	case c.Type.ID == "VARCHAR":
		return c.Text
	case c.Type.ID == "BOOLEAN":
		return c.Text == "true"
	case c.Type.ID == "DECIMAL" || c.Type.ID == "DOUBLE":
		return convertTo(c.Text, "DOUBLE")
	}
	return convertTo(c.Text, "BIGINT")
}

func convertTo(v any, to string) any {
	if v == nil {
		return nil
	}
	word := fmt.Sprint(v)
	switch to {
	case "VARCHAR":
		return word
	case "BOOLEAN":
		return word[:1] == "t"
	case "DOUBLE":
		if f, err := strconv.ParseFloat(word, 64); err == nil {
			return f
		}
		return nil
	case "BIGINT", "INTEGER":
		if n, err := strconv.ParseInt(word, 10, 64); err == nil {
			return n
		}
		return nil
	}
	panic("brute: type " + to)
}

func asFloat(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	panic(fmt.Sprintf("brute: %T is no number", v))
}

func compareCells(a, b any) int {
	if s, ok := a.(string); ok {
		return strings.Compare(s, b.(string))
	}
	switch x, y := asFloat(a), asFloat(b); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func compareBy(op ast.CompareOp, a, b any) any {
	switch op {
	case ast.CompareDistinctFrom, ast.CompareNotDistinctFrom:
		sameCells := a == nil && b == nil || a != nil && b != nil && compareCells(a, b) == 0
		return sameCells == (op == ast.CompareNotDistinctFrom)
	}
	if a == nil || b == nil {
		return nil
	}
	c := compareCells(a, b)
	switch op {
	case ast.CompareEqual:
		return c == 0
	case ast.CompareNotEqual:
		return c != 0
	case ast.CompareLess:
		return c < 0
	case ast.CompareLessEqual:
		return c <= 0
	case ast.CompareGreater:
		return c > 0
	case ast.CompareGreaterEqual:
		return c >= 0
	}
	panic("brute: " + string(op))
}

// callScalar evaluates a function that is no aggregate. A null argument gives null.
func callScalar(name string, args []any) any {
	for _, a := range args {
		if a == nil {
			return nil
		}
	}
	switch name {
	case "upper":
		return strings.ToUpper(args[0].(string))
	case "length":
		return int64(len(args[0].(string)))
	case "||":
		return args[0].(string) + args[1].(string)
	case "~~": // of a prefix
		return strings.HasPrefix(args[0].(string), strings.TrimSuffix(args[1].(string), "%"))
	case "abs":
		if n, ok := args[0].(int64); ok {
			return max(n, -n)
		}
		return math.Abs(asFloat(args[0]))
	case "/":
		return asFloat(args[0]) / asFloat(args[1])
	}
	if a, ok := args[0].(int64); ok {
		if b, ok := args[1].(int64); ok {
			switch name {
			case "+":
				return a + b
			case "-":
				return a - b
			case "*":
				return a * b
			case "%":
				return a % b
			}
		}
	}
	a, b := asFloat(args[0]), asFloat(args[1])
	switch name {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "%":
		return math.Mod(a, b)
	}
	panic("brute: function " + name)
}

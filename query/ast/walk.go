package ast

// Walk calls visit for n and, if visit returns true, for everything in it:
// expressions, tables and inner queries, in the order of the statement. Absent
// parts are not visited.
func Walk(n Node, visit func(Node) bool) {
	if visit(n) {
		for _, c := range Children(n) {
			Walk(c, visit)
		}
	}
}

// Children returns the nodes directly below n.
func Children(n Node) []Node {
	var list nodes
	switch n := n.(type) {
	case *Select:
		list.with(n.With)
		list.exprs(n.DistinctOn...)
		list.exprs(n.List...)
		list = append(list, n.From)
		list.exprs(n.Where)
		list.exprs(n.GroupBy...)
		list.exprs(n.Having, n.Qualify)
		list.orders(n.OrderBy)
		list.exprs(n.Limit, n.Offset)
	case *SetOperation:
		list.with(n.With)
		for _, q := range n.Inputs {
			list = append(list, q)
		}
		list.orders(n.OrderBy)
		list.exprs(n.Limit, n.Offset)
	case *Recursive:
		list.with(n.With)
		list = append(list, n.Anchor, n.Step)
	case *Table:
		if n.At != nil {
			list.exprs(n.At.Expr)
		}
	case *Join:
		list = append(list, n.Left, n.Right)
		list.exprs(n.On)
	case *Derived:
		list = append(list, n.Query)
	case *TableFunction:
		list = append(list, n.Call)
	case *Values:
		for _, row := range n.Rows {
			list.exprs(row...)
		}
	case *Pivot:
		list = append(list, n.Source)
		list.exprs(n.Aggregates...)
		for _, c := range n.On {
			list.exprs(c.Exprs...)
			for _, e := range c.Entries {
				list.exprs(e.Values...)
			}
		}
	case *Unpivot:
		list = append(list, n.Source)
		for _, e := range n.Entries {
			list.exprs(e.Expr)
		}
	case *Show:
		if n.Query != nil {
			list = append(list, n.Query)
		}
	default:
		list.inExpr(n)
	}
	return list
}

// inExpr adds what is directly below an expression.
func (list *nodes) inExpr(n Node) {
	switch n := n.(type) {
	case *Function:
		list.exprs(n.Args...)
		list.orders(n.OrderBy)
		list.exprs(n.Filter)
	case *Window:
		list.exprs(n.Args...)
		list.orders(n.OrderBy)
		list.exprs(n.Filter)
		list.exprs(n.Partition...)
		list.orders(n.Order)
		list.exprs(n.Frame.StartOffset, n.Frame.EndOffset)
	case *Lambda:
		list.exprs(n.Params, n.Body)
	case *Comparison:
		list.exprs(n.Left, n.Right)
	case *Conjunction:
		list.exprs(n.Args...)
	case *Operator:
		list.exprs(n.Args...)
	case *Subscript:
		list.exprs(n.Expr, n.Index)
	case *Slice:
		list.exprs(n.Expr, n.Lower, n.Upper, n.Step)
	case *Field:
		list.exprs(n.Expr)
	case *Cast:
		list.exprs(n.Expr)
		list.inType(&n.Type)
	case *Case:
		for _, w := range n.Whens {
			list.exprs(w.Cond, w.Then)
		}
		list.exprs(n.Else)
	case *Between:
		list.exprs(n.Expr, n.Lower, n.Upper)
	case *Star:
		for _, r := range n.Replace {
			list.exprs(r.Expr)
		}
	case *Columns:
		list.exprs(n.Of)
	case *Collate:
		list.exprs(n.Expr)
	case *Subquery:
		list.exprs(n.Left)
		*list = append(*list, n.Query)
	case *Constant:
		list.inType(&n.Type)
	case *Column, *Parameter, *Position, *Default, *Empty:
	default:
		panic("ast: walk: unknown node")
	}
}

type nodes []Node

func (l *nodes) with(ctes []CTE) {
	for _, c := range ctes {
		*l = append(*l, c.Query)
	}
}

// inType adds the constants in the names of types.
func (l *nodes) inType(t *Type) {
	if t.User != nil {
		for _, c := range t.User.Modifiers {
			*l = append(*l, c)
		}
	}
	for _, n := range t.nested() {
		l.inType(n)
	}
}

func (l *nodes) exprs(es ...Expr) {
	for _, e := range es {
		if e != nil {
			*l = append(*l, e)
		}
	}
}

func (l *nodes) orders(orders []Order) {
	for _, o := range orders {
		l.exprs(o.Expr)
	}
}

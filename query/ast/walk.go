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
		for _, c := range n.With {
			list = append(list, c.Select)
		}
		list.exprs(n.List...)
		list = append(list, n.From)
		list.exprs(n.Where)
		list.exprs(n.GroupBy...)
		list.exprs(n.Having)
		list.orders(n.OrderBy)
		list.exprs(n.Limit, n.Offset)
	case *Join:
		list = append(list, n.Left, n.Right)
		list.exprs(n.On)
	case *Derived:
		list = append(list, n.Select)
	case *Function:
		list.exprs(n.Args...)
		list.orders(n.OrderBy)
		list.exprs(n.Filter)
	case *Comparison:
		list.exprs(n.Left, n.Right)
	case *Conjunction:
		list.exprs(n.Args...)
	case *Operator:
		list.exprs(n.Args...)
	case *Cast:
		list.exprs(n.Expr)
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
	case *Collate:
		list.exprs(n.Expr)
	case *Subquery:
		list.exprs(n.Left)
		list = append(list, n.Select)
	case *Column, *Constant, *Empty, *Table:
	default:
		panic("ast: walk: unknown node")
	}
	return list
}

type nodes []Node

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

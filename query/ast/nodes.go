package ast

// NoLocation is the location of a node the parser made up or gave no place.
const NoLocation = -1

// Node is anything with a place in the statement: every Query, every Expr and
// every From.
type Node interface {
	// Pos returns the byte offset of the token the parser attached to the
	// node, or NoLocation. For a binary operator that is the operator itself;
	// Span gives the whole extent.
	Pos() int
	node()
}

// Query is a query: a statement, a subquery or the body of a common table. The
// set is sealed: *Select, *SetOperation and, as the body of a common table only,
// *Recursive are all there are.
type Query interface {
	Node
	query()
}

// Expr is an expression. The set is sealed: *Column, *Constant, *Parameter,
// *Position, *Default, *Function, *Window, *Lambda, *Comparison, *Conjunction,
// *Operator, *Subscript, *Slice, *Field, *Cast, *Case, *Between, *Star,
// *Columns, *Collate and *Subquery are all there are, so a switch over them is
// complete.
type Expr interface {
	Node
	// As returns the alias given with AS, "" if none. Items of a select list
	// and aggregates of a PIVOT may have one; on an argument of a function it
	// is the name of the argument, f(name := value).
	As() string
	// SetAs replaces the alias.
	SetAs(alias string)
	expr()
}

// From is a table expression. The set is sealed: *Empty, *Table, *Join,
// *Derived, *TableFunction, *Values, *Pivot, *Unpivot and *Show are all there
// are.
type From interface {
	Node
	from()
}

// Meta is what every expression carries. Equal ignores Location.
type Meta struct {
	Location int // byte offset in the statement, NoLocation if none
	Alias    string
}

// Pos returns the location.
func (m *Meta) Pos() int { return m.Location }

// As returns the alias.
func (m *Meta) As() string { return m.Alias }

// SetAs replaces the alias.
func (m *Meta) SetAs(alias string) { m.Alias = alias }

func (m *Meta) node() {}
func (m *Meta) expr() {}

package ast

// NoLocation is the location of a node the parser made up or gave no place.
const NoLocation = -1

// Node is anything with a place in the statement: *Select, every Expr and
// every From.
type Node interface {
	// Pos returns the byte offset of the token the parser attached to the
	// node, or NoLocation. For a binary operator that is the operator itself;
	// Span gives the whole extent.
	Pos() int
	node()
}

// Expr is an expression. The set is sealed: *Column, *Constant, *Function,
// *Comparison, *Conjunction, *Operator, *Cast, *Case, *Between, *Star,
// *Collate and *Subquery are all there are, so a switch over them is complete.
type Expr interface {
	Node
	// As returns the alias given with AS, "" if none. Only the items of a
	// select list may have one.
	As() string
	// SetAs replaces the alias.
	SetAs(alias string)
	expr()
}

// From is a table expression. The set is sealed: *Empty, *Table, *Join and
// *Derived are all there are.
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

// Select is one SELECT with everything that belongs to it. Set operations,
// recursive common tables, QUALIFY, SAMPLE, DISTINCT ON, LIMIT with a
// percentage, grouping sets, ROLLUP and CUBE do not exist here: Decode
// refuses them.
type Select struct {
	With     []CTE  // in the order written; names differ by more than letter case
	Distinct bool   // SELECT DISTINCT
	List     []Expr // never empty
	From     From   // never nil; *Empty when the statement has no FROM
	Where    Expr   // nil if none
	GroupBy  []Expr // the one plain grouping set; an integer constant is an ordinal
	GroupAll bool   // GROUP BY ALL; then GroupBy is empty
	Having   Expr   // nil if none
	OrderBy  []Order
	Limit    Expr // nil if none
	Offset   Expr // nil if none
}

// Pos returns NoLocation: the parser gives a SELECT no place of its own. Span
// derives its extent from what it contains.
func (s *Select) Pos() int { return NoLocation }
func (s *Select) node()    {}

// CTE is one common table of a WITH clause; never recursive. The hints
// MATERIALIZED and NOT MATERIALIZED are not kept: they do not change results.
type CTE struct {
	Name    string
	Columns []string // column aliases, nil if none
	Select  *Select
}

// Order is one item of an ORDER BY, of a statement or inside an aggregate.
type Order struct {
	Expr      Expr
	Direction Direction
	Nulls     Nulls
}

// Direction is the direction of an Order, spelled as the engine spells it.
type Direction string

// Directions.
const (
	DirectionDefault Direction = "ORDER_DEFAULT" // nothing written: ascending under default settings
	Ascending        Direction = "ASCENDING"
	Descending       Direction = "DESCENDING"
)

// Nulls places the nulls of an Order, spelled as the engine spells it.
type Nulls string

// Null orders.
const (
	NullsDefault Nulls = "ORDER_DEFAULT" // nothing written: last under default settings
	NullsFirst   Nulls = "NULLS FIRST"
	NullsLast    Nulls = "NULLS LAST"
)

// Column is a reference by name: [column], [table column], and longer forms
// whose leading names may be schema, catalog or struct fields. Names are as
// written, without quotes. Some keyword functions arrive here too: the parser
// gives current_date as a column of that name.
type Column struct {
	Meta
	Names []string // never empty
}

// Constant is a literal.
//
// Text is exact and depends on Type: decimal digits for integers, Width digits
// with a point before the last Scale of them for DECIMAL (so .5 and 0.5 differ),
// the engine's shortest round-trip form for DOUBLE, "true" or "false" for
// BOOLEAN, the text itself for VARCHAR, "" when Null. Numbers may start with a
// minus sign. The parser gives TRUE and FALSE as
// CAST('t' AS BOOLEAN) and CAST('f' AS BOOLEAN), DATE '…' as a CAST too; a
// BOOLEAN constant comes from IS [NOT] TRUE and IS [NOT] FALSE only.
type Constant struct {
	Meta
	Type Type
	Null bool
	Text string
}

// Type is a type as the engine names it: BIGINT, VARCHAR, DOUBLE, BOOLEAN,
// DATE, TIMESTAMP, DECIMAL and so on, and NULL for an untyped NULL.
type Type struct {
	ID    string
	Width int // DECIMAL only
	Scale int // DECIMAL only
}

// Function is a call of a function or of a symbol operator.
type Function struct {
	Meta
	Catalog  string
	Schema   string // "" or what was written; the parser itself puts "main" on what it rewrites, such as EXTRACT
	Name     string // lower case; count(*) is count_star
	Args     []Expr
	Distinct bool    // f(DISTINCT …)
	Filter   Expr    // FILTER (WHERE …), nil if none
	OrderBy  []Order // f(… ORDER BY …)
	Operator bool    // written as a symbol: + - * / // % ^ || ~~ …; one or two Args
}

// CompareOp is a comparison, spelled as the engine spells it.
type CompareOp string

// Comparisons.
const (
	CompareEqual           CompareOp = "COMPARE_EQUAL"
	CompareNotEqual        CompareOp = "COMPARE_NOTEQUAL"
	CompareLess            CompareOp = "COMPARE_LESSTHAN"
	CompareGreater         CompareOp = "COMPARE_GREATERTHAN"
	CompareLessEqual       CompareOp = "COMPARE_LESSTHANOREQUALTO"
	CompareGreaterEqual    CompareOp = "COMPARE_GREATERTHANOREQUALTO"
	CompareDistinctFrom    CompareOp = "COMPARE_DISTINCT_FROM"
	CompareNotDistinctFrom CompareOp = "COMPARE_NOT_DISTINCT_FROM"
)

// Comparison compares two values. CASE x WHEN v arrives as x = v.
type Comparison struct {
	Meta
	Op          CompareOp
	Left, Right Expr
}

// ConjunctionOp is AND or OR.
type ConjunctionOp string

// Conjunctions.
const (
	And ConjunctionOp = "CONJUNCTION_AND"
	Or  ConjunctionOp = "CONJUNCTION_OR"
)

// Conjunction joins two or more conditions. The parser flattens: no argument
// of an AND is an AND, none of an OR is an OR. Conjoin keeps it so.
type Conjunction struct {
	Meta
	Op   ConjunctionOp
	Args []Expr
}

// OperatorKind is a keyword operator, spelled as the engine spells it.
type OperatorKind string

// Keyword operators with their number of Args.
const (
	Not       OperatorKind = "OPERATOR_NOT"         // 1; the parser turns Not of a Comparison into its opposite
	IsNull    OperatorKind = "OPERATOR_IS_NULL"     // 1
	IsNotNull OperatorKind = "OPERATOR_IS_NOT_NULL" // 1
	In        OperatorKind = "COMPARE_IN"           // the value, then the list: 2 or more
	NotIn     OperatorKind = "COMPARE_NOT_IN"       // as In
	Coalesce  OperatorKind = "OPERATOR_COALESCE"    // 1 or more; IFNULL arrives here too
	Try       OperatorKind = "OPERATOR_TRY"         // 1; NULL when Args[0] raises
)

// Operator is an operator written with keywords.
type Operator struct {
	Meta
	Kind OperatorKind
	Args []Expr
}

// Cast is CAST or, if Try, TRY_CAST.
type Cast struct {
	Meta
	Expr Expr
	Type Type
	Try  bool
}

// When is one branch of a Case.
type When struct {
	Cond, Then Expr
}

// Case is a searched CASE; the simple form arrives with its comparisons
// written out.
type Case struct {
	Meta
	Whens []When // never empty
	Else  Expr   // never nil: a missing ELSE arrives as an untyped NULL
}

// Between is Expr BETWEEN Lower AND Upper. NOT BETWEEN is Not of it.
type Between struct {
	Meta
	Expr, Lower, Upper Expr
}

// Star is * or, with Relation, relation.*, as an item of a select list; every
// other place and COLUMNS(…) are refused. Lists are sorted by name, since the
// engine keeps them unordered.
type Star struct {
	Meta
	Relation string
	Exclude  []string
	Replace  []Replacement
	Rename   []Renaming
}

// Replacement is one item of * REPLACE (Expr AS Column).
type Replacement struct {
	Column string
	Expr   Expr
}

// Renaming is one item of * RENAME (Column AS Name).
type Renaming struct {
	Column, Name string
}

// Collate is Expr COLLATE Collation.
type Collate struct {
	Meta
	Expr      Expr
	Collation string
}

// SubqueryKind tells what a Subquery asks of its rows, spelled as the engine
// spells it.
type SubqueryKind string

// Subquery kinds.
const (
	Scalar SubqueryKind = "SCALAR"
	Exists SubqueryKind = "EXISTS" // NOT EXISTS is Not of it
	Any    SubqueryKind = "ANY"    // x IN (…), x = ANY (…); NOT IN and ALL are Not of it
)

// Subquery is a query used as an expression.
type Subquery struct {
	Meta
	Kind   SubqueryKind
	Left   Expr      // Any only
	Op     CompareOp // Any only
	Select *Select
}

// Empty stands for a missing FROM clause.
type Empty struct{}

// Pos returns NoLocation.
func (*Empty) Pos() int { return NoLocation }
func (*Empty) node()    {}
func (*Empty) from()    {}

// Table is a table, view or common table by name.
type Table struct {
	Location int
	Catalog  string
	Schema   string
	Name     string // as written, without quotes; may be a path such as x.csv
	Alias    string
	Columns  []string // column aliases, nil if none
}

// Pos returns the location.
func (t *Table) Pos() int { return t.Location }
func (*Table) node()      {}
func (*Table) from()      {}

// JoinKind is the type of a join, spelled as the engine spells it.
type JoinKind string

// Join types.
const (
	InnerJoin JoinKind = "INNER"
	LeftJoin  JoinKind = "LEFT"
	RightJoin JoinKind = "RIGHT"
	FullJoin  JoinKind = "FULL"
)

// JoinForm is how a join finds its condition, spelled as the engine spells it.
type JoinForm string

// Join forms.
const (
	RegularJoin JoinForm = "REGULAR" // On or Using, never both, never neither
	NaturalJoin JoinForm = "NATURAL" // the columns of equal name on both sides
	CrossJoin   JoinForm = "CROSS"   // none; CROSS JOIN or a comma; Kind is InnerJoin
)

// Join combines two tables. Decode refuses SEMI, ANTI, ASOF and POSITIONAL.
// LATERAL leaves no trace in the parse tree: a Derived may refer to tables on
// its left whether or not the word was written. Neither does the alias of a
// join in parentheses, (a JOIN b USING (x)) AS q, except that the parser makes
// (a NATURAL JOIN b) AS q a Derived.
type Join struct {
	Location    int
	Kind        JoinKind
	Form        JoinForm
	Left, Right From
	On          Expr     // nil if none
	Using       []string // nil if none
}

// Pos returns the location.
func (j *Join) Pos() int { return j.Location }
func (*Join) node()      {}
func (*Join) from()      {}

// Derived is a query in the FROM clause.
type Derived struct {
	Location int
	Alias    string
	Columns  []string // column aliases, nil if none
	Select   *Select
}

// Pos returns the location.
func (d *Derived) Pos() int { return d.Location }
func (*Derived) node()      {}
func (*Derived) from()      {}

package ast

import (
	"strconv"
	"strings"
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

// Parameter is a placeholder for a value: $name, or by position $1. A statement
// has one kind or the other. Question marks arrive as $1, $2, … in their order.
type Parameter struct {
	Meta
	Name     string // as written, "" if by position; equal but for letter case is the same parameter
	Position int    // from 1, 0 if by name
}

// key is what two uses of one parameter have in common.
func (p *Parameter) key() string {
	if p.Name == "" {
		return strconv.Itoa(p.Position)
	}
	return fold(p.Name)
}

// fold lowers ASCII letters, as the engine compares names.
func fold(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}

// Position is #1: a column of the FROM clause by its place, from 1.
type Position struct {
	Meta
	Index int
}

// Default is the word DEFAULT, which the parser lets stand anywhere.
type Default struct{ Meta }

// Function is a call of a function or of a symbol operator.
//
// Some syntax arrives as a call with Schema "main": [a, b] as list_value,
// {'a': b} as struct_pack(a := b), (a, b) as row, MAP {…}, list comprehensions,
// EXTRACT, TRIM and AT TIME ZONE. x IN list, without parentheses around the
// list, is contains(list, x).
type Function struct {
	Meta
	Catalog  string
	Schema   string // "" or what was written; the parser itself puts "main" on what it rewrites, such as EXTRACT
	Name     string // lower case; count(*) is count_star
	Args     []Expr
	Distinct bool    // f(DISTINCT …)
	Filter   Expr    // FILTER (WHERE …), nil if none
	OrderBy  []Order // f(… ORDER BY …), WITHIN GROUP too
	Operator bool    // written as a symbol: + - * / // % ^ || ~~ …; one or two Args
	Export   bool    // f(…) EXPORT_STATE
}

// Window is a call of a function OVER a window. A window that was named arrives
// written out at each use.
type Window struct {
	Meta
	Catalog     string
	Schema      string
	Name        string // lower case; count(*) is count without Args
	Args        []Expr
	Distinct    bool    // f(DISTINCT …)
	OrderBy     []Order // f(… ORDER BY …)
	IgnoreNulls bool    // f(… IGNORE NULLS)
	Filter      Expr    // FILTER (WHERE …), nil if none
	Partition   []Expr  // OVER (PARTITION BY …)
	Order       []Order // OVER (… ORDER BY …)
	Frame       Frame
}

// Frame is the part of the partition a window function sees from a row.
type Frame struct {
	Start, End             Bound
	StartOffset, EndOffset Expr // of bounds with an offset, else nil
	Exclude                Exclude
}

// Bound is one end of a Frame with the unit it counts in, spelled as the engine
// spells it. The ends of a frame share their unit; an unbounded end has none.
type Bound string

// Bounds.
const (
	UnboundedPreceding Bound = "UNBOUNDED_PRECEDING"
	UnboundedFollowing Bound = "UNBOUNDED_FOLLOWING"
	CurrentRows        Bound = "CURRENT_ROW_ROWS"
	CurrentRange       Bound = "CURRENT_ROW_RANGE" // with the peers of the row
	CurrentGroups      Bound = "CURRENT_ROW_GROUPS"
	PrecedingRows      Bound = "EXPR_PRECEDING_ROWS"
	PrecedingRange     Bound = "EXPR_PRECEDING_RANGE"
	PrecedingGroups    Bound = "EXPR_PRECEDING_GROUPS"
	FollowingRows      Bound = "EXPR_FOLLOWING_ROWS"
	FollowingRange     Bound = "EXPR_FOLLOWING_RANGE"
	FollowingGroups    Bound = "EXPR_FOLLOWING_GROUPS"
)

// Exclude is what a Frame leaves out around its row, spelled as the engine
// spells it.
type Exclude string

// Exclusions.
const (
	ExcludeNoOthers   Exclude = "NO_OTHER"
	ExcludeCurrentRow Exclude = "CURRENT_ROW"
	ExcludeGroup      Exclude = "GROUP"
	ExcludeTies       Exclude = "TIES"
)

// Lambda is Params -> Body. Over lists it is a function: Params is a *Column,
// or a call of row with several. lambda x: … arrives alike. Elsewhere it is the
// operator that takes Body out of the JSON value Params; the parser does not
// tell the two apart.
type Lambda struct {
	Meta
	Params Expr
	Body   Expr
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
	Array     OperatorKind = "ARRAY_CONSTRUCTOR"    // any number: ARRAY[…]
	Grouping  OperatorKind = "GROUPING_FUNCTION"    // 1 or more: GROUPING(…), GROUPING_ID(…)
	Unpack    OperatorKind = "OPERATOR_UNPACK"      // 1: UNPACK(…), *COLUMNS(…)
)

// Operator is an operator written with keywords.
type Operator struct {
	Meta
	Kind OperatorKind
	Args []Expr
}

// Subscript is Expr[Index].
type Subscript struct {
	Meta
	Expr, Index Expr
}

// Slice is Expr[Lower:Upper:Step].
type Slice struct {
	Meta
	Expr         Expr
	Lower, Upper Expr // nil if open
	Step         Expr // nil if none
}

// Field is (Expr).Name. A field of a column by name is a *Column instead.
type Field struct {
	Meta
	Expr Expr
	Name string
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

// Star is * or, with Relation, relation.*. Lists are sorted by name, since the
// engine keeps them unordered.
type Star struct {
	Meta
	Relation string
	Exclude  []Name
	Replace  []Replacement
	Rename   []Renaming
}

// Name is a column as EXCLUDE and RENAME name it: [column], [table column],
// [schema table column] or [catalog schema table column].
type Name []string

// Replacement is one item of * REPLACE (Expr AS Column).
type Replacement struct {
	Column string
	Expr   Expr
}

// Renaming is one item of * RENAME (Column AS Name).
type Renaming struct {
	Column Name
	Name   string
}

// Columns is COLUMNS(Of): Of is a *Star, or a pattern, a list of names or a call
// of list_filter(*, lambda). Where it stands is repeated for each column.
type Columns struct {
	Meta
	Of Expr
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

// Subquery is a query used as an expression. ARRAY(…) arrives written out with
// array_agg; x = ANY (list) as a query of unnest.
type Subquery struct {
	Meta
	Kind  SubqueryKind
	Left  Expr      // Any only
	Op    CompareOp // Any only
	Query Query
}

package analysis

import "strings"

// Kind is what a name is to the engine.
type Kind string

// Kinds, as the engine's list of functions has them; Window is an aggregate that
// needs OVER. Keyword and Syntax are on no list of the engine: a bare name that its
// binder makes a call where no column has that name, and a call that only the
// binder knows.
const (
	ScalarKind     Kind = "scalar"
	AggregateKind  Kind = "aggregate"
	WindowKind     Kind = "window"
	MacroKind      Kind = "macro"
	TableKind      Kind = "table"
	TableMacroKind Kind = "table_macro"
	PragmaKind     Kind = "pragma"
	KeywordKind    Kind = "keyword"
	SyntaxKind     Kind = "syntax"
)

// Class says which statements may use a function.
type Class string

// Classes. Plain functions stand in statements that read no protected table;
// protected ones beside protected tables as well.
const (
	RefusedClass   Class = "refused"
	PlainClass     Class = "plain"
	ProtectedClass Class = "protected"
)

// Function is one row of functions.tsv, which explains every field.
type Function struct {
	Name   string
	Kind   Kind
	Class  Class
	Args   []string // shapes; nil where the engine judges the arguments
	Result string
	Words  []string
	Group  string // of a refused name

	ReasonZH, ReasonEN string // why the group is refused, a phrase

	Try, Double, Same, Shrinks, Joins, Keeps bool
	Aggregate, Reveals, Ordered, Rounds      bool
	Grows, Rows, NamesAggregate, ReadsClock  bool
}

// LookupCall returns the judgment of a name called in an expression, whatever
// kind of call: nil if there is none, which is a refusal. The name is folded; a
// schema before it other than main is none of its business and refused elsewhere.
//
// A bare name that no column answers to may be a call as well: see LookupKeyword.
func LookupCall(name string) *Function { return catalogue.calls[fold(name)] }

// LookupTable returns the judgment of a name called in a FROM clause, nil if
// there is none, which is a refusal.
func LookupTable(name string) *Function { return catalogue.tables[fold(name)] }

// LookupKeyword returns the judgment of a bare name that the engine makes a call
// where no column has it (current_user, current_date), nil if it makes none.
func LookupKeyword(name string) *Function { return catalogue.keywords[fold(name)] }

// ReadsClock reports whether a call of name, or the bare name, may give something else
// at another time. What the list does not have is taken to.
func ReadsClock(name string) bool {
	called, bare := LookupCall(name), LookupKeyword(name)
	return called == nil && bare == nil || called != nil && called.ReadsClock || bare != nil && bare.ReadsClock
}

// Functions returns every row of the list in its order.
func Functions() []Function { return append([]Function(nil), catalogue.functions...) }

// aggregate reports whether a call of name aggregates.
func aggregate(name string) bool { f := LookupCall(name); return f != nil && f.Aggregate }

// Operator reports whether f is written as a symbol.
func (f *Function) Operator() bool { return strings.ContainsAny(f.Name[:1], "+-*/%|~!&<>@^") }

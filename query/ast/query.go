package ast

// Select is one SELECT with everything that belongs to it.
//
// The parser writes TABLE t, FROM t, PIVOT t …, UNPIVOT t … and DESCRIBE t as
// SELECT * over what they name, and the WINDOW clause into the windows that use
// it.
type Select struct {
	With       []CTE  // in the order written; names differ by more than letter case
	Distinct   bool   // SELECT DISTINCT
	DistinctOn []Expr // DISTINCT ON (…), nil for plain DISTINCT
	List       []Expr // never empty
	From       From   // never nil; *Empty when the statement has no FROM
	Where      Expr   // nil if none
	// GroupBy are the grouping expressions; an integer constant is an ordinal.
	GroupBy []Expr
	// GroupingSets holds indexes of GroupBy, ascending in each set. nil means
	// one set of all of GroupBy. ROLLUP and CUBE arrive written out, and GROUP BY
	// () as one empty set. Each expression is in some set, and they stand in
	// the order in which the sets first name them, lowest index first.
	GroupingSets [][]int
	GroupAll     bool // GROUP BY ALL; then GroupBy and GroupingSets are nil
	Having       Expr // nil if none
	Qualify      Expr // nil if none
	Sample       *Sample
	OrderBy      []Order
	Limit        Expr // nil if none
	Percent      bool // Limit is a percentage of the rows; then it is not nil
	Offset       Expr // nil if none
}

// Pos returns NoLocation: the parser gives a SELECT no place of its own. Span
// derives its extent from what it contains.
func (s *Select) Pos() int { return NoLocation }
func (*Select) node()      {}
func (*Select) query()     {}

// SetKind is a set operation, spelled as the engine spells it.
type SetKind string

// Set operations.
const (
	Union       SetKind = "UNION"
	UnionByName SetKind = "UNION_BY_NAME" // columns are matched by name; what an input lacks is null
	Except      SetKind = "EXCEPT"
	Intersect   SetKind = "INTERSECT"
)

// SetOperation combines the rows of its inputs. The parser flattens: no input of
// a Union or UnionByName is one of the same Kind and All without WITH, ORDER BY
// and LIMIT of its own.
type SetOperation struct {
	With    []CTE
	Kind    SetKind
	All     bool    // keeps duplicates
	Inputs  []Query // two or more; exactly two for Except and Intersect
	OrderBy []Order
	Limit   Expr // nil if none
	Percent bool // as in Select
	Offset  Expr // nil if none
}

// Pos returns NoLocation, as for a Select.
func (*SetOperation) Pos() int { return NoLocation }
func (*SetOperation) node()    {}
func (*SetOperation) query()   {}

// merges reports whether the parser would take q for inputs of s.
func (s *SetOperation) merges(q Query) bool {
	in, ok := q.(*SetOperation)
	return ok && in.Kind == s.Kind && in.All == s.All && (s.Kind == Union || s.Kind == UnionByName) &&
		len(in.With) == 0 && len(in.OrderBy) == 0 && in.Limit == nil && in.Offset == nil
}

// Recursive is the body of a common table that may name itself: the rows of
// Anchor, then those of Step over what the step before gave, until there are
// none. Without All rows seen before are dropped; with keys in the CTE a row
// replaces the one of equal keys.
type Recursive struct {
	With   []CTE
	All    bool // UNION ALL
	Anchor Query
	Step   Query
}

// Pos returns NoLocation, as for a Select.
func (*Recursive) Pos() int { return NoLocation }
func (*Recursive) node()    {}
func (*Recursive) query()   {}

// CTE is one common table of a WITH clause. The hints MATERIALIZED and NOT
// MATERIALIZED leave no trace in the parse tree. Neither does RECURSIVE but for
// its effect: under it every body that is a UNION by position is a *Recursive,
// so a WITH clause has one kind or the other.
type CTE struct {
	Name    string
	Columns []string // column aliases, nil if none
	Keys    []string // USING KEY (…), nil if none
	Query   Query
}

// Order is one item of an ORDER BY, of a query, inside an aggregate or of a
// window. ORDER BY ALL is one item, *Columns of a bare *Star.
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

// SampleMethod is how a Sample is drawn, spelled as the engine spells it.
type SampleMethod string

// Sampling methods.
const (
	SystemSample    SampleMethod = "System"    // whole vectors of rows
	BernoulliSample SampleMethod = "Bernoulli" // each row by itself
	ReservoirSample SampleMethod = "Reservoir" // an exact number of rows
)

// Sample is USING SAMPLE of a SELECT or TABLESAMPLE of a table.
type Sample struct {
	Size    string // digits for rows; a DOUBLE as in Constant for a percentage
	Percent bool
	Method  SampleMethod
	Seed    int // REPEATABLE (Seed), -1 if none
}

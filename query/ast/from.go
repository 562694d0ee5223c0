package ast

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
	At       *At      // nil if none
	Sample   *Sample  // nil if none
}

// AtUnit is what an At counts in, spelled as the engine spells it.
type AtUnit string

// Units of At.
const (
	AtVersion   AtUnit = "VERSION"
	AtTimestamp AtUnit = "TIMESTAMP"
)

// At is AT (Unit => Expr): a table as it was.
type At struct {
	Unit AtUnit
	Expr Expr
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
	SemiJoin  JoinKind = "SEMI" // rows of Left with a match, once each
	AntiJoin  JoinKind = "ANTI" // rows of Left without a match
)

// JoinForm is how a join finds its condition, spelled as the engine spells it.
type JoinForm string

// Join forms.
const (
	RegularJoin    JoinForm = "REGULAR"    // On or Using, never both, never neither
	NaturalJoin    JoinForm = "NATURAL"    // the columns of equal name on both sides
	CrossJoin      JoinForm = "CROSS"      // none; CROSS JOIN or a comma; Kind is InnerJoin
	AsOfJoin       JoinForm = "ASOF"       // as RegularJoin; the one closest row matches
	PositionalJoin JoinForm = "POSITIONAL" // none: the first row with the first, and so on; Kind is InnerJoin
)

// Join combines two tables. LATERAL leaves no trace in the parse tree: a Derived may refer to tables on
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
	Query    Query
	Sample   *Sample // nil if none
}

// Pos returns the location.
func (d *Derived) Pos() int { return d.Location }
func (*Derived) node()      {}
func (*Derived) from()      {}

// TableFunction is a call in the FROM clause.
type TableFunction struct {
	Location   int
	Call       *Function // without Filter and Export, no Operator
	Ordinality bool      // WITH ORDINALITY: one more column, the number of the row
	Alias      string
	Columns    []string // column aliases, nil if none
	Sample     *Sample  // nil if none
}

// Pos returns the location.
func (t *TableFunction) Pos() int { return t.Location }
func (*TableFunction) node()      {}
func (*TableFunction) from()      {}

// Values is VALUES (…), (…). It stands as the From of a Select that selects *
// and has nothing else but WITH, ORDER BY, LIMIT and OFFSET; its columns are
// called valueslist.col0, col1 and so on.
type Values struct {
	Rows [][]Expr // never empty, nor is any row, and all are of one length
}

// Pos returns NoLocation.
func (*Values) Pos() int { return NoLocation }
func (*Values) node()    {}
func (*Values) from()    {}

// Pivot is Source PIVOT (Aggregates FOR … GROUP BY GroupBy): a column for each
// combination of the entries of On. A PIVOT whose values are to be read from the
// data is no SELECT to the engine.
type Pivot struct {
	Location   int
	Source     From
	Aggregates []Expr // never empty; may have aliases
	On         []PivotColumn
	GroupBy    []string // nil if none: all columns that are not used
	Alias      string
	Columns    []string // column aliases, nil if none
}

// PivotColumn is (Exprs) IN (Entries), or IN Enum: the values of an enumeration.
type PivotColumn struct {
	Exprs   []Expr
	Entries []PivotEntry
	Enum    string
}

// PivotEntry is one value of each expression of a PivotColumn. A value is a
// *Constant, or a *Cast of one where the type has no literal: the engine
// computes DATE '2020-01-01' and names stand for their text.
type PivotEntry struct {
	Values []Expr
	Alias  string
}

// Pos returns the location.
func (p *Pivot) Pos() int { return p.Location }
func (*Pivot) node()      {}
func (*Pivot) from()      {}

// Unpivot is Source UNPIVOT (Values FOR Name IN (Entries)): a row for each entry.
type Unpivot struct {
	Location     int
	Source       From
	Values       []string // names of the columns that take the values
	Name         string   // of the column that says which entry a row is of
	Entries      []UnpivotEntry
	IncludeNulls bool
	Alias        string
	Columns      []string // column aliases, nil if none
}

// UnpivotEntry is one or more columns, or one expression: * and COLUMNS(…) stand
// for an entry per column, another with one column in it is computed from that.
// One without columns, such as lower('A'), is the name of a column: the engine
// computes it when it binds the statement.
type UnpivotEntry struct {
	Columns []string
	Expr    Expr // nil if Columns
	Alias   string
}

// Pos returns the location.
func (u *Unpivot) Pos() int { return u.Location }
func (*Unpivot) node()      {}
func (*Unpivot) from()      {}

// ShowKind is what a Show tells, spelled as the engine spells it.
type ShowKind string

// Kinds of Show.
const (
	Describe   ShowKind = "DESCRIBE"
	Summarize  ShowKind = "SUMMARY"
	ShowNamed  ShowKind = "SHOW_UNQUALIFIED"
	ShowTables ShowKind = "SHOW_FROM"
)

// Show is DESCRIBE, SUMMARIZE or SHOW. Like Values it stands as the From of a
// Select that selects *, and nothing else stands beside it.
type Show struct {
	Kind    ShowKind
	Query   Query  // Describe, Summarize: of what
	Name    string // ShowNamed: what, as the engine calls it
	Catalog string // ShowTables
	Schema  string // ShowTables
}

// Pos returns NoLocation.
func (*Show) Pos() int { return NoLocation }
func (*Show) node()    {}
func (*Show) from()    {}

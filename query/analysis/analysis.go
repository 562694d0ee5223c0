// Package analysis decides what one SELECT would reveal and rewrites it so that
// it reveals no more than the grants allow.
//
// It guarantees, for a catalogue that tells the truth about levels and entity
// keys: no output carries a column its grant does not let out, neither as a
// value nor through a condition; every group over a protected table rests on
// at least K distinct entities of each of its references, every aggregate cell
// on K entities whose argument is not null and whose FILTER holds; and the
// rewritten text names every table and column in full, so that the engine has
// nothing left to resolve. What it does not understand it refuses.
//
// It does not guarantee that several answers together stay harmless
// (differencing, complements), nor that one entity does not dominate a sum, nor
// that a join with a table of several rows per key gives every row the same
// weight: those are rules about released cells and belong to the release.
//
// Read Analyze first, then block.go.
package analysis

import (
	"fmt"
	"strings"

	"zonebox/query/ast"
)

// Catalog is what the statement may name: the tables of one scenario.
type Catalog struct{ Tables []Table }

// Table is one dataset as the scenario sees it.
//
// It is protected if Personal, if a column has Level >= Options.Threshold or no
// level, or if a column is granted COMPUTE_ONLY.
type Table struct {
	Name     string
	Personal bool
	Entity   string // entity key column, "" if none; a protected table without one is refused
	K        int    // least distinct entities behind anything released; at least 1 where protected
	Columns  []Column
}

// Mode is how a grant lets a column be used.
type Mode string

// Modes. Any other value counts as COMPUTE_ONLY without permissions.
const (
	Clear       Mode = "CLEAR"
	Masked      Mode = "MASKED"
	ComputeOnly Mode = "COMPUTE_ONLY"
)

// Column is one column of a table, typed as the engine receives it: for a
// MASKED column that is the type of the masked value.
type Column struct {
	Name        string
	Type        string // string, int64, … or the engine's own spelling
	Level       int    // 1 and up; 0 is unset and counts as the highest
	Mode        Mode
	Recipe      string
	Token       bool     // MASKED by a keyed token: equal inside a zone, leaves only bare
	Permissions []string // joinkey groupkey agg:* cmp_lit:= cmp_lit:< cmp_lit:in cmp_col order
	PublicCodes bool     // the domain is a public code list: a group label of K entities may leave
	Nullable    bool
	Granted     bool // false: published to the zone but not granted
}

// Options are the settings of a city pack and the parameters of the statement.
type Options struct {
	Threshold int // level from which a column is protected; 0 means 3 (NJ24-14)

	// Parameters are the types of $name by name, spelled as a Column's. The
	// analysis never learns a value: what it finds holds for all of them.
	Parameters map[string]string
}

// Statement is an accepted statement with its rewrite.
type Statement struct {
	Tree ast.Query // the rewrite
	SQL  string    // its print

	Outputs    []Output
	Hidden     []Hidden // columns of Tree after Outputs, in this order
	References []Reference
	Scans      []Scan
	Evidence   []Evidence // in the order of their numbers; none of a record-level statement's records

	// Plain: reads no protected table and no token, so that Tree is what was
	// written. Outputs come with Named.
	Plain   bool
	reads   sources    // of a plain statement
	reading *Statement // a plain statement as it was understood, nil if it was not
	Unclear []Fault    // why it was not, if names are the only reason: the engine must find them

	Protected   bool // reads a protected table
	RecordLevel bool // rows of a protected table leave unaggregated

	// Limit and Offset were stripped from Tree: the gate applies them after the
	// release rules. They are nil where Tree keeps them.
	Limit, Offset *Count
	Ordered       bool    // has ORDER BY at the top
	Order         []Order // the keys by output; of groups none unless each is one

	Facts Facts
}

// Count is a number of rows: of a constant, or the value of a parameter.
type Count struct {
	N         int64
	Parameter string // "" for a constant
}

// Output is one column of the answer.
type Output struct {
	Name      string
	Type      string   // engine type, "" if not known before binding
	Lineage   []Ref    // columns whose values it is made of
	Control   []Ref    // columns that decided which rows it is made of
	MaxLevel  int      // highest level over Lineage and Control
	Form      string   // clear, masked, token, group_label, aggregate or constant
	Recipe    string   // of the masked column it shows
	Aggregate bool     // made by an aggregate
	Bare      bool     // a column as it is, not computed
	Texts     []Ref    // each value is one of these columns', or written in the statement, but for letter case and blanks; nil if computed in another way
	Path      []string // from the output to the first column it is made of
}

// Ref names a column of the catalogue.
type Ref struct{ Table, Column string }

// Hidden is a trailing column of the rewrite: a count of distinct entities, up to
// K, that must be K, for the whole row (group) or for one output (cell); or the
// number of the group in the root's Evidence (rows).
type Hidden struct {
	Name   string
	Kind   string // group, cell or rows
	Table  string
	K      int
	Output int // index of the output a cell count guards, -1 for a group
	Column int // index in Columns of the root's Evidence of the rows it counts, -1 for the number itself
}

// Reference is one use of a protected table, after common tables are expanded.
type Reference struct {
	Table, Alias string
	K            int
	Held         bool // some block of the rewrite lets only groups of K pass
}

// Scan is what the rewrite reads of one table, over all its references.
type Scan struct {
	Table   string
	Columns []string // catalogue order
	Entity  bool     // also reads the hidden entity code
	Row     bool     // also reads the hidden row number
	Needs   [][]Need // what each reference needs of a row; nil if one needs every row
}

// Order is one sort key of a record-level answer.
type Order struct {
	Output     int
	Descending bool
	NullsFirst bool
}

// Facts are what a policy decision wants to know of the statement. Columns are
// "table.column", sorted.
type Facts struct {
	Tables, ColumnsRead, FilterCols, JoinCols, GroupCols []string

	Functions []string
	Star      bool
	Kind      string // select
}

// Analyze resolves, checks and rewrites tree, the parse tree of sql.
//
// The error is a *Refusal holding every fault found, or another error if the
// catalogue itself is unusable. tree is not changed.
func Analyze(sql string, tree ast.Query, cat Catalog, opt Options) (*Statement, error) {
	if opt.Threshold == 0 {
		opt.Threshold = 3
	}
	tables, err := index(cat, opt)
	if err != nil {
		return nil, err
	}
	tree = typed(tree, opt.Parameters)
	p := (&analyzer{sql: sql, tables: tables, opt: opt, facts: newFacts(), scans: map[*table]map[string]bool{}}).survey(tree)
	open := p.open()
	// Only a statement that reads a protected table is rewritten so that it
	// cannot raise, since that changes results.
	a := &analyzer{sql: sql, tables: tables, opt: opt, hard: !open, facts: newFacts(), scans: map[*table]map[string]bool{}, asked: map[*ast.Subquery]*block{}}
	a.beyond(tree)
	var root *block
	if len(a.faults) == 0 {
		root = a.root(tree)
	} else {
		a.facts.tables = p.facts.tables
	}
	if open {
		p.placed(tree)
	} else {
		a.placed(tree)
	}
	switch {
	case open && a.protected():
		return nil, fmt.Errorf("analysis: a protected table was overlooked")
	case open && len(p.faults) > 0:
		return nil, p.refusal(nil)
	case open && len(a.faults) > 0:
		if p.unsettled(); len(p.faults) > 0 {
			return nil, p.refusal(nil)
		}
		st := p.statement(tree)
		st.Unclear = a.unclear()
		return st, nil
	case open:
		return p.statement(tree).understood(a.statement(root)), nil
	case len(a.faults) > 0:
		return nil, a.refusal(root)
	}
	return a.statement(root), nil
}

// index checks the catalogue and keys it by folded name.
func index(cat Catalog, opt Options) (map[string]*table, error) {
	tables := make(map[string]*table, len(cat.Tables))
	for i := range cat.Tables {
		t := &table{Table: &cat.Tables[i], columns: map[string]*Column{}}
		if tables[fold(t.Name)] != nil {
			return nil, fmt.Errorf("analysis: table %q: declared twice", t.Name)
		}
		tables[fold(t.Name)] = t
		t.protected = t.Personal
		for j := range t.Columns {
			c := &t.Columns[j]
			if t.columns[fold(c.Name)] != nil {
				return nil, fmt.Errorf("analysis: column %q.%q: declared twice", t.Name, c.Name)
			}
			t.columns[fold(c.Name)] = c
			if c.Level < 1 || c.Level >= opt.Threshold || c.Granted && secret(c, opt) {
				t.protected = true
			}
		}
		if t.protected && t.K < 1 {
			return nil, fmt.Errorf("analysis: table %q: minimum group %d, want at least 1", t.Name, t.K)
		}
	}
	return tables, nil
}

// secret reports whether the value of c must not leave as it is.
func secret(c *Column, opt Options) bool {
	switch c.Mode {
	case Masked:
		return false
	case Clear:
		return c.Level < 1 || c.Level >= opt.Threshold
	}
	return true
}

// table is a Table with its index.
type table struct {
	*Table
	columns   map[string]*Column
	protected bool
}

// fold lowers ASCII letters, as the engine compares identifiers.
func fold(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return 'A' <= r && r <= 'Z' }) < 0 {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

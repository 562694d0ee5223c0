package analysis

import (
	"slices"
	"strings"

	"zonebox/query/ast"
)

// source is a column of the catalogue that a value or a decision came from.
type source struct {
	table  *table
	column *Column
}

func (s source) String() string { return s.table.Name + "." + s.column.Name }

type sources []source

// with returns the union, in order of first appearance. It never changes s.
func (s sources) with(more ...source) sources {
	out := s[:len(s):len(s)]
next:
	for _, m := range more {
		for _, x := range out {
			if x == m {
				continue next
			}
		}
		out = append(out, m)
	}
	return out
}

// reference is one use of a protected or plain table.
type reference struct {
	id    int
	table *table
	alias string
	held  bool // a block enforces its minimum group
}

// origin is the column of a reference that a value is, unchanged.
type origin struct {
	ref    *reference
	column *Column
}

// value is the label of an expression: what it is made of and what may still
// happen to it.
type value struct {
	typ      typ
	constant bool // the same for every row
	literal  bool // written as a constant
	nullable bool

	from   sources      // every column in the value; aggregation never erases it
	refs   []*reference // whose rows it was read from; what is aggregated counts as read from one
	secret sources      // those of them that must not leave as they are
	tells  []value      // compute-only columns that a join tells by it
	origin *origin      // the column it is, unchanged; nil if computed
	among  []origin     // columns of which it is one, each in other rows of a union
	mixed  bool         // in some rows of a union computed from protected ones
	each   bool         // one of among in every row
	kept   bool         // in every row a text of keeps or of the statement, as it stands but for letter case and blanks
	keeps  sources
	token  bool // a keyed token, unchanged
	masked bool
	recipe string

	live      bool    // read from rows of a protected table not yet aggregated
	perEntity bool    // an aggregate over the rows of one entity, not yet released
	measured  sources // of such a one: the columns it was computed from
	counts    bool    // of such a one: it counts
	aggregate bool    // an aggregate of any kind
	total     bool    // a sum, unchanged, of numbers of at most 64 bits
	label     bool    // a group label from a public code list

	size int // a text as long as this many of the longest in its columns; see length

	path []string // from here to the first column
}

// reads adds references to those of v.
func (v *value) reads(refs ...*reference) {
	for _, r := range refs {
		if !slices.Contains(v.refs, r) {
			v.refs = append(v.refs[:len(v.refs):len(v.refs)], r)
		}
	}
}

// keep notes that v is one of vs in every row, but for letter case and blanks.
func (v *value) keep(vs ...value) {
	v.kept, v.keeps = true, nil
	for _, w := range vs {
		v.kept = v.kept && (w.kept || w.literal && (w.typ.class == text || w.typ.class == null))
		v.keeps = v.keeps.with(w.keeps...)
	}
}

// length is how many texts of a column v may be as long as.
func (v value) length() int { return max(v.size, 1) }

// joined is the greatest length of what a statement puts together beside
// protected tables. Joining a text with itself again and again, for the rows that
// fulfill a condition, exhausts the memory if there are such rows.
const joined = 256

// name is how faults call the value.
func (v value) name() string {
	if len(v.secret) > 0 {
		return v.secret[0].String()
	}
	if len(v.from) > 0 {
		return v.from[0].String()
	}
	return "?"
}

// column is one column of a relation in a FROM clause.
type column struct {
	name string
	val  value
}

// relation is one named member of a FROM clause.
type relation struct {
	alias    string
	columns  []*column
	live     []live
	control  control
	ref      *reference // of a base table
	block    *block     // of a derived table
	nullable bool       // rows may be null-extended by an outer join
	node     ast.Node
}

func (r *relation) find(name string) *column {
	for _, c := range r.columns {
		if fold(c.name) == fold(name) {
			return c
		}
	}
	return nil
}

// live is a protected reference whose rows are still apart: code reads its
// hidden entity code from the FROM clause at hand, rows the number of its row, or,
// of a group that a block within made, that of the group.
type live struct {
	ref  *reference
	code ast.Expr
	rows ast.Expr

	of, ofColumn int // of groups: their row set and its column
}

// control is what decided which rows there are.
type control struct {
	from    sources
	secrets []use // compute-only columns among them, with the place
}

type use struct {
	source source
	node   ast.Node
}

func (c control) with(d control) control {
	return control{c.from.with(d.from...), append(c.secrets[:len(c.secrets):len(c.secrets)], d.secrets...)}
}

// visible is a column that * expands to and an unqualified name can mean: a
// column of one relation, or two merged by USING.
type visible struct {
	name  string
	expr  ast.Expr
	val   value
	owner string // folded alias of its relation, "" if merged
}

// scope is what names mean at one place of a FROM clause.
type scope struct {
	relations []*relation
	view      []visible
}

// resolve finds what a column reference means. It reports the fault itself.
func (s *scope) resolve(a *analyzer, c *ast.Column) (ast.Expr, value, bool) {
	name := strings.Join(c.Names, ".")
	switch len(c.Names) {
	case 1:
		var hit *visible
		for i := range s.view {
			if fold(s.view[i].name) != fold(c.Names[0]) {
				continue
			}
			if hit != nil {
				a.fault(AmbiguousName, c, name, "")
				return nil, value{}, false
			}
			hit = &s.view[i]
		}
		if hit != nil {
			return hit.expr, hit.val, true
		}
		for _, r := range s.relations {
			if a.withheld(r, c, c.Names[0]) {
				return nil, value{}, false
			}
		}
	case 2:
		for _, r := range s.relations {
			if fold(r.alias) != fold(c.Names[0]) {
				continue
			}
			if col := r.find(c.Names[1]); col != nil {
				return r.expr(col.name), r.value(col), true
			}
			if a.withheld(r, c, c.Names[1]) {
				return nil, value{}, false
			}
		}
	}
	if a.hard && slices.ContainsFunc(a.around, func(outer *scope) bool { return outer.means(c.Names) }) {
		a.fault(OuterName, c, name, "")
	} else {
		a.fault(UnknownName, c, name, "")
	}
	return nil, value{}, false
}

// means reports whether a column reference means a granted column here, one of
// several perhaps.
func (s *scope) means(names []string) bool {
	if len(names) == 1 {
		return s.has(names[0])
	}
	return len(names) == 2 && slices.ContainsFunc(s.relations, func(r *relation) bool {
		return fold(r.alias) == fold(names[0]) && r.find(names[1]) != nil
	})
}

// has reports whether an unqualified name means a column here.
func (s *scope) has(name string) bool {
	for _, v := range s.view {
		if fold(v.name) == fold(name) {
			return true
		}
	}
	return false
}

// withheld reports a published column that is not granted.
func (a *analyzer) withheld(r *relation, node ast.Node, name string) bool {
	if r.ref == nil {
		return false
	}
	col := r.ref.table.columns[fold(name)]
	if col == nil || col.Granted {
		return false
	}
	full := source{r.ref.table, col}.String()
	a.fault(NotGranted, node, full, full)
	return true
}

func (r *relation) expr(name string) ast.Expr {
	return &ast.Column{Meta: none(), Names: []string{r.alias, name}}
}

// value is the label of a column as the FROM clause at hand sees it.
func (r *relation) value(c *column) value {
	v := c.val
	v.nullable = v.nullable || r.nullable
	v.constant, v.literal = false, false
	if r.block != nil {
		v.path = append([]string{r.alias + "." + c.name}, v.path...)
	}
	return v
}

// owner returns the alias an expression of the rewrite reads from, if it is a
// bare column.
func owner(e ast.Expr) (alias, name string, ok bool) {
	c, ok := e.(*ast.Column)
	if !ok || len(c.Names) != 2 {
		return "", "", false
	}
	return fold(c.Names[0]), c.Names[1], true
}

// owners lists the folded aliases that e reads from.
func owners(e ast.Expr) map[string]bool {
	out := map[string]bool{}
	ast.Walk(e, func(n ast.Node) bool {
		if c, ok := n.(*ast.Column); ok {
			out[fold(c.Names[0])] = true
		}
		return true
	})
	return out
}

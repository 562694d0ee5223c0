package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/query/analysis"
	"zonebox/release"
	"zonebox/sandbox"
	"zonebox/zone"
)

// evidence is what the groups of a statement rest on: of every block that
// aggregates rows of protected tables, which rows of which version are in each of
// its groups. The worker noted it (analysis.Evidence); that it agrees with the
// answer is checked here.
type evidence struct {
	*worker
	cells  []*cells                // of the blocks that release groups, innermost first
	tables map[string]*versionRows // of the protected references, by table
	rules  []release.Rule          // that it was judged by
}

// versionRows are the rows of one version.
type versionRows struct {
	entities []uint32 // code by row; zone.NoEntity where it names none
	codes    int      // every code is below it
	seen     []uint32 // by code: the turn in which it was met
	turn     uint32
}

// cells are the groups of one block of which every reference has K entities. They
// count as released, whatever the statement does with them; of their cells, by
// condition, those that reach K are.
type cells struct {
	analysis.Evidence
	references []int    // indexes in Statement.References of those that are counted here
	conditions int      // of aggregates; 0 is all rows
	groups     []uint32 // their numbers
	gathered   *gathered
	dominated  map[[2]int]bool // by group, its place in groups, and aggregate: totals that do not leave for what few bear of them
}

// gathered is the lists of rows of one block.
type gathered struct {
	of     []uint32 // by number: that of the group it stands for; nil: itself
	groups uint32
	lists  []rowLists // by column
}

// rowLists are a list of rows for each group, ascending. A row that a join repeats
// stands there as often.
type rowLists struct {
	start []uint32 // by number of the group; one more than there are
	rows  []uint32
}

// errEvidence says that the worker contradicts itself.
var errEvidence = fmt.Errorf("query: the worker notes what cannot be: %w", sandbox.ErrProtocol)

// rowSets are those of the statement as the worker knows them.
func (a *analyzed) rowSets() (out []sandbox.RowSet) {
	for _, e := range a.Evidence {
		out = append(out, sandbox.RowSet{Number: e.Number, Columns: len(e.Columns)})
	}
	return out
}

// at returns the rows of a group by the condition and the reference, by its place
// in references.
func (c *cells) at(group, condition, reference int) []uint32 {
	return c.gathered.lists[c.column(condition, reference)].at(c.groups[group])
}

// column is where the rows of a condition and a reference are noted: what is
// handed on comes first.
func (c *cells) column(condition, reference int) int {
	return len(c.Columns) - (c.conditions-condition)*len(c.references) + reference
}

func (l rowLists) at(group uint32) []uint32 { return l.rows[l.start[group]:l.start[group+1]] }

// released reports whether K entities of every reference are behind a group by a
// condition.
func (e *evidence) released(c *cells, group uint32, condition int) bool {
	for i, ref := range c.references {
		r := e.References[ref]
		if !e.tables[r.Table].atLeast(r.K, c.gathered.lists[c.column(condition, i)].at(group)) {
			return false
		}
	}
	return true
}

// atLeast reports whether rows are about k entities or more.
func (t *versionRows) atLeast(k int, rows []uint32) bool {
	if t.turn == math.MaxUint32 {
		clear(t.seen)
		t.turn = 0
	}
	t.turn++
	for _, row := range rows {
		if k <= 0 {
			break
		}
		if code := t.entities[row]; code != zone.NoEntity && t.seen[code] != t.turn {
			t.seen[code] = t.turn
			k--
		}
	}
	return k <= 0
}

// once reports whether no two rows are about one entity.
func (t *versionRows) once() bool {
	met := make([]bool, t.codes)
	for _, code := range t.entities {
		if code != zone.NoEntity {
			if met[code] {
				return false
			}
			met[code] = true
		}
	}
	return true
}

// versions reads whom the rows of the protected tables are about.
func (w *worker) versions() (map[string]*versionRows, error) {
	out := map[string]*versionRows{}
	if len(w.Evidence) == 0 {
		return out, nil
	}
	for _, r := range w.References {
		if out[r.Table] != nil {
			continue
		}
		d := w.catalog.datasets[r.Table]
		codes, err := w.engine.store.Entities(w.ctx, d.Spec.Zone, d.Name, d.Data.Version, d.Data.Manifest, w.given[r.Table])
		if err != nil {
			return nil, w.engine.storeError(err)
		}
		out[r.Table] = newVersionRows(codes)
	}
	return out, nil
}

func newVersionRows(entities []uint32) *versionRows {
	t := &versionRows{entities: entities}
	for _, c := range entities {
		if c != zone.NoEntity {
			t.codes = max(t.codes, int(c)+1)
		}
	}
	t.seen = make([]uint32, t.codes)
	return t
}

// notes bounds the bytes of what the worker notes: a row may be noted three times
// in each column before it is too much, and some more where there are few.
func (w *worker) notes(tables map[string]*versionRows) int64 {
	most, columns := 0, 0
	for _, t := range tables {
		most = max(most, len(t.entities))
	}
	for _, e := range w.Evidence {
		columns += len(e.Columns)
	}
	return 64<<20 + int64(most)*int64(columns)*20
}

// newEvidence reads what the worker noted, once the answer has been read to its end, and
// refuses what the answer contradicts.
func newEvidence(w *worker, tables map[string]*versionRows, told []sandbox.Noted, answer []release.Reached) (*evidence, error) {
	e := &evidence{worker: w, tables: tables}
	by := map[int]*gathered{}
	for i, block := range w.Evidence {
		n, err := gather(told[i], func(column int) (*gathered, int, uint32) {
			c := block.Columns[column]
			if c.Of > 0 {
				return by[c.Of], c.OfColumn, 0
			}
			return nil, 0, uint32(len(tables[w.References[c.Reference].Table].entities))
		})
		if err != nil {
			return nil, err
		}
		by[block.Number] = n
		if block.Releases {
			e.cells = append(e.cells, e.releasedBy(block, n))
		}
	}
	if err := e.agree(answer); err != nil {
		return nil, err
	}
	return e, nil
}

// releasedBy finds the groups of a block that count as released.
func (e *evidence) releasedBy(block analysis.Evidence, n *gathered) *cells {
	c := &cells{Evidence: block, gathered: n, dominated: map[[2]int]bool{}}
	for _, column := range block.Columns {
		if column.Condition == 0 {
			c.references = append(c.references, column.Reference)
		}
		c.conditions = max(c.conditions, column.Condition+1)
	}
	for group := uint32(1); group <= n.groups; group++ {
		if n.find(group) == group && e.released(c, group, 0) {
			c.groups = append(c.groups, group)
		}
	}
	return c
}

func (n *gathered) find(group uint32) uint32 {
	if n.of == nil {
		return group
	}
	return n.of[group]
}

// gather puts what was noted of one block in order. within tells of a column
// whose groups its rows are, and which column of theirs; or how many rows there
// are.
func gather(told sandbox.Noted, within func(column int) (*gathered, int, uint32)) (*gathered, error) {
	if told.Groups == math.MaxUint32 {
		return nil, errEvidence
	}
	n := &gathered{groups: told.Groups}
	if len(told.Same) > 0 {
		var err error
		if n.of, err = united(told.Groups, told.Same); err != nil {
			return nil, err
		}
	}
	for i, c := range told.Columns {
		inner, column, rows := within(i)
		l, err := n.list(c, inner, column, rows)
		if err != nil {
			return nil, err
		}
		n.lists = append(n.lists, l)
	}
	return n, nil
}

// united returns, by number, one number for all that stand for the same group.
func united(groups uint32, pairs []uint32) ([]uint32, error) {
	of := make([]uint32, groups+1)
	for i := range of {
		of[i] = uint32(i)
	}
	find := func(i uint32) uint32 {
		for of[i] != i {
			of[i] = of[of[i]]
			i = of[i]
		}
		return i
	}
	for i := 0; i < len(pairs); i += 2 {
		a, b := pairs[i], pairs[i+1]
		if a < 1 || a > groups || b < 1 || b > groups {
			return nil, errEvidence
		}
		a, b = find(a), find(b)
		of[max(a, b)] = min(a, b) // what a number stands for is never greater
	}
	for i := range of {
		of[i] = of[of[i]]
	}
	return of, nil
}

// each calls f with every row and group of a column that was noted.
func each(c sandbox.NotedColumn, f func(row, group uint32) error) error {
	for _, run := range c.Group {
		for i, group := range run.Values {
			if group == 0 {
				continue
			}
			if err := f(run.First+uint32(i), group); err != nil {
				return err
			}
		}
	}
	for i := 0; i < len(c.More); i += 2 {
		if err := f(c.More[i], c.More[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// list puts the rows of a column in order by group. If inner is set, they are its
// groups, each of which stands for the rows of its column; 0 is one that noted none, as
// an outer join makes of what it finds no partner for.
func (n *gathered) list(c sandbox.NotedColumn, inner *gathered, column int, rows uint32) (rowLists, error) {
	var within rowLists
	if inner != nil {
		rows, within = inner.groups+1, inner.lists[column]
	}
	l := rowLists{start: make([]uint32, n.groups+2)}
	total := uint64(0)
	err := each(c, func(row, group uint32) error {
		if row >= rows || group < 1 || group > n.groups {
			return errEvidence
		}
		many := 1
		if inner != nil {
			many = len(within.at(inner.find(row)))
		}
		l.start[n.find(group)+1] += uint32(many)
		if total += uint64(many); total > math.MaxUint32 {
			return fmt.Errorf("query: a join repeats too many rows: %w", sandbox.ErrOutput)
		}
		return nil
	})
	if err != nil {
		return rowLists{}, err
	}
	for i := 1; i < len(l.start); i++ {
		l.start[i] += l.start[i-1]
	}
	l.rows = make([]uint32, total)
	next := slices.Clone(l.start)
	_ = each(c, func(row, group uint32) error {
		at := &next[n.find(group)]
		if inner == nil {
			l.rows[*at] = row
			*at++
		} else {
			*at += uint32(copy(l.rows[*at:], within.at(inner.find(row))))
		}
		return nil
	})
	if len(c.More) > 0 || inner != nil {
		for group := range n.groups + 1 {
			slices.Sort(l.at(group))
		}
	}
	return l, nil
}

// agree compares the answer with what was noted: every row that reached K is a
// group of the root that did, and its cells are null just where their rows do not
// reach K. A worker of two minds is broken.
func (e *evidence) agree(rows []release.Reached) error {
	root := slices.IndexFunc(e.cells, func(c *cells) bool { return c.Root })
	if root < 0 {
		return nil
	}
	c := e.cells[root]
	for _, row := range rows {
		if row.Number < 1 || row.Number > c.gathered.groups {
			return errEvidence
		}
		group := c.gathered.find(row.Number)
		if _, there := slices.BinarySearch(c.groups, group); !there {
			return errEvidence
		}
		for i, reached := range row.K {
			column := e.Hidden[i].Column
			r := e.References[c.Columns[column].Reference]
			if e.tables[r.Table].atLeast(r.K, c.gathered.lists[column].at(group)) != reached {
				return errEvidence
			}
		}
	}
	return nil
}

// measured is a column of a table by row, as the engine saw it: 0 where it was out
// of scope or null.
type measured struct {
	whole  []int64     // integers, and decimals in units of the last digit
	wide   [][2]uint64 // longer decimals: low and high half
	floats []float64
}

// errMeasure says that a column holds no numbers.
var errMeasure = errors.New("query: not a column of numbers")

// measure reads a column again, in the form in which the engine had it.
func (e *evidence) measure(ctx context.Context, table, column string) (*measured, error) {
	p, err := e.projection(sandbox.Table{Name: table, Columns: []sandbox.Column{{Name: column}, {Name: zone.RowColumn}}})
	if err != nil {
		return nil, err
	}
	p.Needs = nil
	rows := len(e.tables[table].entities)
	m := &measured{}
	for piece, err := range e.engine.store.Project(ctx, p) {
		if err != nil {
			return nil, e.engine.storeError(err)
		}
		if !slices.Contains(e.given[table], piece.Segment) {
			continue
		}
		if err := m.add(piece, rows); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// add takes the values of a piece: a column, and the numbers of its rows.
func (m *measured) add(piece *zone.Piece, rows int) error {
	values, err := piece.Columns[0].Array()
	if err != nil {
		return err
	}
	defer values.Release()
	numbers, err := piece.Columns[1].Array()
	if err != nil {
		return err
	}
	defer numbers.Release()
	at := numbers.(*array.Uint32).Uint32Values()
	switch a := values.(type) {
	case *array.Int64:
		m.whole = byRow(m.whole, rows, at, a, a.Value)
	case *array.Boolean:
		m.whole = byRow(m.whole, rows, at, a, func(i int) int64 {
			if a.Value(i) {
				return 1
			}
			return 0
		})
	case *array.Float64:
		m.floats = byRow(m.floats, rows, at, a, a.Value)
	case *array.Decimal128:
		if a.DataType().(*arrow.Decimal128Type).Precision <= 18 {
			m.whole = byRow(m.whole, rows, at, a, func(i int) int64 { return int64(a.Value(i).LowBits()) })
			return nil
		}
		m.wide = byRow(m.wide, rows, at, a, func(i int) [2]uint64 { return [2]uint64{a.Value(i).LowBits(), uint64(a.Value(i).HighBits())} })
	default:
		return errMeasure
	}
	return nil
}

// byRow puts the values of an array at their rows.
func byRow[T any](to []T, rows int, at []uint32, a arrow.Array, value func(int) T) []T {
	if to == nil {
		to = make([]T, rows)
	}
	for i, row := range at {
		if a.IsValid(i) {
			to[row] = value(i)
		}
	}
	return to
}
